//! AES on hosts with Zvkned. Its rounds are x86's but for the order of the last two steps of decryption.

use super::{Lowerer, ZERO};
use crate::ir::{Inst, Op, Value};
use crate::rv64::{Feature, Vm};
use crate::x86::Width;

impl Lowerer<'_> {
    /// Lowers an AES round; false if the host has no instructions for it.
    pub(super) fn aes(&mut self, v: Value, inst: &Inst) -> bool {
        if !self.isa.has(Feature::Zvkned) || inst.op == Op::VAesKey {
            return false;
        }
        let a = self.v(inst.args[0]);
        let key = (inst.op != Op::VAesImc).then(|| self.v(inst.args[1]));
        self.args_done();
        let d = self.vdef_unless(v, key.as_slice());
        self.full(Width::W32);
        if d != a {
            self.vcopy(d, a);
        }
        match (inst.op, key) {
            (Op::VAesEnc, Some(key)) => self.asm.vaesem_vv(d, key),
            (Op::VAesEncLast, Some(key)) => self.asm.vaesef_vv(d, key),
            (Op::VAesDecLast, Some(key)) => self.asm.vaesdf_vv(d, key),
            (_, Some(key)) => {
                // The key is added after InvMixColumns here, before it there.
                self.asm.vaesdm_vv(d, ZERO);
                self.asm.vxor_vv(d, d, key, Vm::All);
            }
            (_, None) => {
                // What the last round does is undone, which leaves InvMixColumns.
                self.asm.vaesef_vv(d, ZERO);
                self.asm.vaesdm_vv(d, ZERO);
            }
        }
        true
    }
}
