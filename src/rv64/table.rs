//! The instructions, one row each: assembler method, text, operand format, fixed bits.
//!
//! A row's format says which operands there are, in which order the text has them and where their
//! bits go; `disasm` reads the same pattern backwards. Operand letters of the patterns:
//!
//! ```text
//! d s t   x registers rd, rs1, rs2      D S T R  f registers rd, rs1, rs2, rs3
//! v w x   v registers vd, vs2, vs1      M        the mask, always last
//! j o q   12-bit immediates: I, of a load, of a store     p a u  branch, jump, upper immediate
//! > <     shift amounts of 6 and 5 bits                   m A    rounding mode, ordering
//! E Z     CSR and its 5-bit immediate                     P Q    what a fence orders
//! i U     5-bit immediates of V, signed and unsigned      y Y    vtype of vsetvli, vsetivli
//! ```

use super::asm::Assembler;
use super::fields::{Imm12, Off21, Ordering, Rm, Shamt, Simm5, Uimm5, Vm, Vtype};
use super::reg::{Freg, Vreg, Xreg};

/// A control and status register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum Csr {
    /// The accrued exceptions.
    Fflags = 1,
    /// The dynamic rounding mode.
    Frm = 2,
    /// Both of them.
    Fcsr = 3,
    /// Whether fixed-point operations saturated.
    Vxsat = 9,
    /// The fixed-point rounding mode.
    Vxrm = 10,
    /// The vector registers' length in bytes.
    Vlenb = 0xc22,
}

impl Csr {
    /// All of them.
    pub const ALL: [Csr; 6] = [
        Csr::Fflags,
        Csr::Frm,
        Csr::Fcsr,
        Csr::Vxsat,
        Csr::Vxrm,
        Csr::Vlenb,
    ];

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Csr::Fflags => "fflags",
            Csr::Frm => "frm",
            Csr::Fcsr => "fcsr",
            Csr::Vxsat => "vxsat",
            Csr::Vxrm => "vxrm",
            Csr::Vlenb => "vlenb",
        }
    }
}

/// An instruction as `disasm` needs it.
pub(super) struct Row {
    pub text: &'static str,
    pub pattern: &'static str,
    pub bits: u32,
}

const fn rd(r: u8) -> u32 {
    (r as u32) << 7
}
const fn rs1(r: u8) -> u32 {
    (r as u32) << 15
}
const fn rs2(r: u8) -> u32 {
    (r as u32) << 20
}
const fn store_imm(i: Imm12) -> u32 {
    (i.bits() >> 5) << 25 | (i.bits() & 31) << 7
}

const fn branch_off(i: Imm12) -> u32 {
    // `i` counts half-words: bits 12:1 of the distance.
    let v = i.bits();
    (v >> 11) << 31 | (v >> 4 & 0x3f) << 25 | (v & 15) << 8 | (v >> 10 & 1) << 7
}

/// Hands a format's pattern, operands (in the order of the text; mask and ordering last) and bits to
/// the macro `$to`, after whatever else it is to get.
macro_rules! format {
    (R $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,s,t" (d: Xreg, s: Xreg, t: Xreg) { rd(d.num()) | rs1(s.num()) | rs2(t.num()) } }
    };
    (I $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,s,j" (d: Xreg, s: Xreg, j: Imm12) { rd(d.num()) | rs1(s.num()) | j.bits() << 20 } }
    };
    (Sh6 $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,s,>" (d: Xreg, s: Xreg, n: Shamt) { rd(d.num()) | rs1(s.num()) | n.bits() << 20 } }
    };
    (Sh5 $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,s,<" (d: Xreg, s: Xreg, n: Shamt) { rd(d.num()) | rs1(s.num()) | (n.bits() & 31) << 20 } }
    };
    (Unary $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,s" (d: Xreg, s: Xreg) { rd(d.num()) | rs1(s.num()) } }
    };
    (U $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,u" (d: Xreg, u: u32) { rd(d.num()) | u << 12 } }
    };
    (J $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,a" (d: Xreg, a: Off21) { rd(d.num()) | a.bits() } }
    };
    (Jalr $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,o(s)" (d: Xreg, o: Imm12, s: Xreg) { rd(d.num()) | rs1(s.num()) | o.bits() << 20 } }
    };
    (B $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "s,t,p" (s: Xreg, t: Xreg, p: Imm12) { rs1(s.num()) | rs2(t.num()) | branch_off(p) } }
    };
    (Load $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,o(s)" (d: Xreg, o: Imm12, s: Xreg) { rd(d.num()) | rs1(s.num()) | o.bits() << 20 } }
    };
    (Store $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "t,q(s)" (t: Xreg, q: Imm12, s: Xreg) { rs2(t.num()) | rs1(s.num()) | store_imm(q) } }
    };
    (Fload $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,o(s)" (d: Freg, o: Imm12, s: Xreg) { rd(d.num()) | rs1(s.num()) | o.bits() << 20 } }
    };
    (Fstore $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "T,q(s)" (t: Freg, q: Imm12, s: Xreg) { rs2(t.num()) | rs1(s.num()) | store_imm(q) } }
    };
    (Fence $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "P,Q" (p: u32, q: u32) { (p & 15) << 24 | (q & 15) << 20 } }
    };
    (None $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "" () { 0 } }
    };
    (Amo $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,t,(s)A" (d: Xreg, t: Xreg, s: Xreg, a: Ordering) { rd(d.num()) | rs1(s.num()) | rs2(t.num()) | a.bits() << 25 } }
    };
    (Lr $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,(s)A" (d: Xreg, s: Xreg, a: Ordering) { rd(d.num()) | rs1(s.num()) | a.bits() << 25 } }
    };
    (Csr $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,E,s" (d: Xreg, c: Csr, s: Xreg) { rd(d.num()) | rs1(s.num()) | (c as u32) << 20 } }
    };
    (Csri $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,E,Z" (d: Xreg, c: Csr, z: Uimm5) { rd(d.num()) | z.bits() << 15 | (c as u32) << 20 } }
    };
    (Fma $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,S,T,Rm" (d: Freg, s: Freg, t: Freg, r: Freg, m: Rm) { rd(d.num()) | rs1(s.num()) | rs2(t.num()) | (r.num() as u32) << 27 | m.bits() << 12 } }
    };
    (FrRm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,S,Tm" (d: Freg, s: Freg, t: Freg, m: Rm) { rd(d.num()) | rs1(s.num()) | rs2(t.num()) | m.bits() << 12 } }
    };
    (Fr $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,S,T" (d: Freg, s: Freg, t: Freg) { rd(d.num()) | rs1(s.num()) | rs2(t.num()) } }
    };
    (FuRm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,Sm" (d: Freg, s: Freg, m: Rm) { rd(d.num()) | rs1(s.num()) | m.bits() << 12 } }
    };
    (Fu $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,S" (d: Freg, s: Freg) { rd(d.num()) | rs1(s.num()) } }
    };
    (Fcmp $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,S,T" (d: Xreg, s: Freg, t: Freg) { rd(d.num()) | rs1(s.num()) | rs2(t.num()) } }
    };
    (Fx $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,S" (d: Xreg, s: Freg) { rd(d.num()) | rs1(s.num()) } }
    };
    (FxRm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,Sm" (d: Xreg, s: Freg, m: Rm) { rd(d.num()) | rs1(s.num()) | m.bits() << 12 } }
    };
    (Xf $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,s" (d: Freg, s: Xreg) { rd(d.num()) | rs1(s.num()) } }
    };
    (XfRm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,sm" (d: Freg, s: Xreg, m: Rm) { rd(d.num()) | rs1(s.num()) | m.bits() << 12 } }
    };
    (Vsetvli $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,s,y" (d: Xreg, s: Xreg, y: Vtype) { rd(d.num()) | rs1(s.num()) | y.bits() << 20 } }
    };
    (Vsetivli $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,Z,Y" (d: Xreg, z: Uimm5, y: Vtype) { rd(d.num()) | z.bits() << 15 | y.bits() << 20 } }
    };
    (Vl $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,(s)M" (d: Vreg, s: Xreg, m: Vm) { rd(d.num()) | rs1(s.num()) | m.bits() << 25 } }
    };
    (Vs $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,(s)M" (d: Vreg, s: Xreg, m: Vm) { rd(d.num()) | rs1(s.num()) | m.bits() << 25 } }
    };
    (Vls $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,(s),tM" (d: Vreg, s: Xreg, t: Xreg, m: Vm) { rd(d.num()) | rs1(s.num()) | rs2(t.num()) | m.bits() << 25 } }
    };
    (Vw $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,(s)" (d: Vreg, s: Xreg) { rd(d.num()) | rs1(s.num()) } }
    };
    (Vvv $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,xM" (d: Vreg, w: Vreg, x: Vreg, m: Vm) { rd(d.num()) | rs2(w.num()) | rs1(x.num()) | m.bits() << 25 } }
    };
    (Vvx $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,sM" (d: Vreg, w: Vreg, s: Xreg, m: Vm) { rd(d.num()) | rs2(w.num()) | rs1(s.num()) | m.bits() << 25 } }
    };
    (Vvi $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,iM" (d: Vreg, w: Vreg, i: Simm5, m: Vm) { rd(d.num()) | rs2(w.num()) | i.bits() << 15 | m.bits() << 25 } }
    };
    (Vvu $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,UM" (d: Vreg, w: Vreg, u: Uimm5, m: Vm) { rd(d.num()) | rs2(w.num()) | u.bits() << 15 | m.bits() << 25 } }
    };
    (Vvf $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,SM" (d: Vreg, w: Vreg, s: Freg, m: Vm) { rd(d.num()) | rs2(w.num()) | rs1(s.num()) | m.bits() << 25 } }
    };
    (Vvvm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,x,0" (d: Vreg, w: Vreg, x: Vreg) { rd(d.num()) | rs2(w.num()) | rs1(x.num()) } }
    };
    (Vvxm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,s,0" (d: Vreg, w: Vreg, s: Xreg) { rd(d.num()) | rs2(w.num()) | rs1(s.num()) } }
    };
    (Vvim $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,i,0" (d: Vreg, w: Vreg, i: Simm5) { rd(d.num()) | rs2(w.num()) | i.bits() << 15 } }
    };
    (Vvfm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,S,0" (d: Vreg, w: Vreg, s: Freg) { rd(d.num()) | rs2(w.num()) | rs1(s.num()) } }
    };
    (Vmvv $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,x" (d: Vreg, x: Vreg) { rd(d.num()) | rs1(x.num()) } }
    };
    (Vmvx $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,s" (d: Vreg, s: Xreg) { rd(d.num()) | rs1(s.num()) } }
    };
    (Vmvi $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,i" (d: Vreg, i: Simm5) { rd(d.num()) | i.bits() << 15 } }
    };
    (Vmvf $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,S" (d: Vreg, s: Freg) { rd(d.num()) | rs1(s.num()) } }
    };
    (Vmvr $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w" (d: Vreg, w: Vreg) { rd(d.num()) | rs2(w.num()) } }
    };
    (Vmac $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,x,wM" (d: Vreg, x: Vreg, w: Vreg, m: Vm) { rd(d.num()) | rs2(w.num()) | rs1(x.num()) | m.bits() << 25 } }
    };
    (Vmacx $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,s,wM" (d: Vreg, s: Xreg, w: Vreg, m: Vm) { rd(d.num()) | rs2(w.num()) | rs1(s.num()) | m.bits() << 25 } }
    };
    (Vxs $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,w" (d: Xreg, w: Vreg) { rd(d.num()) | rs2(w.num()) } }
    };
    (Vxm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "d,wM" (d: Xreg, w: Vreg, m: Vm) { rd(d.num()) | rs2(w.num()) | m.bits() << 25 } }
    };
    (Vfs $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "D,w" (d: Freg, w: Vreg) { rd(d.num()) | rs2(w.num()) } }
    };
    (Vu $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,wM" (d: Vreg, w: Vreg, m: Vm) { rd(d.num()) | rs2(w.num()) | m.bits() << 25 } }
    };
    (Vd $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "vM" (d: Vreg, m: Vm) { rd(d.num()) | m.bits() << 25 } }
    };
    (Vmm $to:ident $($rest:tt)*) => {
        $to! { $($rest)* "v,w,x" (d: Vreg, w: Vreg, x: Vreg) { rd(d.num()) | rs2(w.num()) | rs1(x.num()) } }
    };
}

macro_rules! method {
    ($name:ident $text:literal $base:literal $pattern:literal ($($arg:ident: $ty:ty),*) $bits:block) => {
        #[doc = concat!("`", $text, " ", $pattern, "`")]
        #[inline]
        pub fn $name(&mut self $(, $arg: $ty)*) {
            self.word($base | $bits);
        }
    };
}

macro_rules! row {
    ($text:literal $base:literal $pattern:literal ($($args:tt)*) $bits:block) => {
        Row {
            text: $text,
            pattern: $pattern,
            bits: $base,
        }
    };
}

macro_rules! instructions {
    ($($name:ident $text:literal $format:ident $base:literal;)*) => {
        impl Assembler {
            $(format! { $format method $name $text $base })*
        }

        /// All instructions.
        pub(super) const ROWS: &[Row] = &[$(format! { $format row $text $base },)*];
    };
}

instructions! {
    // --- RV64I ---
    lui "lui" U 0x00000037;
    auipc "auipc" U 0x00000017;
    jal "jal" J 0x0000006f;
    jalr "jalr" Jalr 0x00000067;
    beq "beq" B 0x00000063;
    bne "bne" B 0x00001063;
    blt "blt" B 0x00004063;
    bge "bge" B 0x00005063;
    bltu "bltu" B 0x00006063;
    bgeu "bgeu" B 0x00007063;
    lb "lb" Load 0x00000003;
    lh "lh" Load 0x00001003;
    lw "lw" Load 0x00002003;
    ld "ld" Load 0x00003003;
    lbu "lbu" Load 0x00004003;
    lhu "lhu" Load 0x00005003;
    lwu "lwu" Load 0x00006003;
    sb "sb" Store 0x00000023;
    sh "sh" Store 0x00001023;
    sw "sw" Store 0x00002023;
    sd "sd" Store 0x00003023;
    addi "addi" I 0x00000013;
    slti "slti" I 0x00002013;
    sltiu "sltiu" I 0x00003013;
    xori "xori" I 0x00004013;
    ori "ori" I 0x00006013;
    andi "andi" I 0x00007013;
    slli "slli" Sh6 0x00001013;
    srli "srli" Sh6 0x00005013;
    srai "srai" Sh6 0x40005013;
    add "add" R 0x00000033;
    sub "sub" R 0x40000033;
    sll "sll" R 0x00001033;
    slt "slt" R 0x00002033;
    sltu "sltu" R 0x00003033;
    xor "xor" R 0x00004033;
    srl "srl" R 0x00005033;
    sra "sra" R 0x40005033;
    or "or" R 0x00006033;
    and "and" R 0x00007033;
    addiw "addiw" I 0x0000001b;
    slliw "slliw" Sh5 0x0000101b;
    srliw "srliw" Sh5 0x0000501b;
    sraiw "sraiw" Sh5 0x4000501b;
    addw "addw" R 0x0000003b;
    subw "subw" R 0x4000003b;
    sllw "sllw" R 0x0000103b;
    srlw "srlw" R 0x0000503b;
    sraw "sraw" R 0x4000503b;
    fence "fence" Fence 0x0000000f;
    fence_tso "fence.tso" None 0x8330000f;
    fence_i "fence.i" None 0x0000100f;
    ecall "ecall" None 0x00000073;
    ebreak "ebreak" None 0x00100073;

    // --- M ---
    mul "mul" R 0x02000033;
    mulh "mulh" R 0x02001033;
    mulhsu "mulhsu" R 0x02002033;
    mulhu "mulhu" R 0x02003033;
    div "div" R 0x02004033;
    divu "divu" R 0x02005033;
    rem "rem" R 0x02006033;
    remu "remu" R 0x02007033;
    mulw "mulw" R 0x0200003b;
    divw "divw" R 0x0200403b;
    divuw "divuw" R 0x0200503b;
    remw "remw" R 0x0200603b;
    remuw "remuw" R 0x0200703b;

    // --- A, Zacas, Zabha ---
    lr_w "lr.w" Lr 0x1000202f;
    sc_w "sc.w" Amo 0x1800202f;
    amoadd_w "amoadd.w" Amo 0x0000202f;
    amoswap_w "amoswap.w" Amo 0x0800202f;
    amoxor_w "amoxor.w" Amo 0x2000202f;
    amoor_w "amoor.w" Amo 0x4000202f;
    amoand_w "amoand.w" Amo 0x6000202f;
    amomin_w "amomin.w" Amo 0x8000202f;
    amomax_w "amomax.w" Amo 0xa000202f;
    amominu_w "amominu.w" Amo 0xc000202f;
    amomaxu_w "amomaxu.w" Amo 0xe000202f;
    lr_d "lr.d" Lr 0x1000302f;
    sc_d "sc.d" Amo 0x1800302f;
    amoadd_d "amoadd.d" Amo 0x0000302f;
    amoswap_d "amoswap.d" Amo 0x0800302f;
    amoxor_d "amoxor.d" Amo 0x2000302f;
    amoor_d "amoor.d" Amo 0x4000302f;
    amoand_d "amoand.d" Amo 0x6000302f;
    amomin_d "amomin.d" Amo 0x8000302f;
    amomax_d "amomax.d" Amo 0xa000302f;
    amominu_d "amominu.d" Amo 0xc000302f;
    amomaxu_d "amomaxu.d" Amo 0xe000302f;
    amocas_w "amocas.w" Amo 0x2800202f;
    amocas_d "amocas.d" Amo 0x2800302f;
    amocas_q "amocas.q" Amo 0x2800402f;
    amoadd_b "amoadd.b" Amo 0x0000002f;
    amoswap_b "amoswap.b" Amo 0x0800002f;
    amoxor_b "amoxor.b" Amo 0x2000002f;
    amoor_b "amoor.b" Amo 0x4000002f;
    amoand_b "amoand.b" Amo 0x6000002f;
    amomin_b "amomin.b" Amo 0x8000002f;
    amomax_b "amomax.b" Amo 0xa000002f;
    amominu_b "amominu.b" Amo 0xc000002f;
    amomaxu_b "amomaxu.b" Amo 0xe000002f;
    amocas_b "amocas.b" Amo 0x2800002f;
    amoadd_h "amoadd.h" Amo 0x0000102f;
    amoswap_h "amoswap.h" Amo 0x0800102f;
    amoxor_h "amoxor.h" Amo 0x2000102f;
    amoor_h "amoor.h" Amo 0x4000102f;
    amoand_h "amoand.h" Amo 0x6000102f;
    amomin_h "amomin.h" Amo 0x8000102f;
    amomax_h "amomax.h" Amo 0xa000102f;
    amominu_h "amominu.h" Amo 0xc000102f;
    amomaxu_h "amomaxu.h" Amo 0xe000102f;
    amocas_h "amocas.h" Amo 0x2800102f;

    // --- Zicsr ---
    csrrw "csrrw" Csr 0x00001073;
    csrrs "csrrs" Csr 0x00002073;
    csrrc "csrrc" Csr 0x00003073;
    csrrwi "csrrwi" Csri 0x00005073;
    csrrsi "csrrsi" Csri 0x00006073;
    csrrci "csrrci" Csri 0x00007073;

    // --- F and D ---
    flw "flw" Fload 0x00002007;
    fld "fld" Fload 0x00003007;
    fsw "fsw" Fstore 0x00002027;
    fsd "fsd" Fstore 0x00003027;
    fmadd_s "fmadd.s" Fma 0x00000043;
    fmsub_s "fmsub.s" Fma 0x00000047;
    fnmsub_s "fnmsub.s" Fma 0x0000004b;
    fnmadd_s "fnmadd.s" Fma 0x0000004f;
    fadd_s "fadd.s" FrRm 0x00000053;
    fsub_s "fsub.s" FrRm 0x08000053;
    fmul_s "fmul.s" FrRm 0x10000053;
    fdiv_s "fdiv.s" FrRm 0x18000053;
    fsqrt_s "fsqrt.s" FuRm 0x58000053;
    fsgnj_s "fsgnj.s" Fr 0x20000053;
    fsgnjn_s "fsgnjn.s" Fr 0x20001053;
    fsgnjx_s "fsgnjx.s" Fr 0x20002053;
    fmin_s "fmin.s" Fr 0x28000053;
    fmax_s "fmax.s" Fr 0x28001053;
    fle_s "fle.s" Fcmp 0xa0000053;
    flt_s "flt.s" Fcmp 0xa0001053;
    feq_s "feq.s" Fcmp 0xa0002053;
    fclass_s "fclass.s" Fx 0xe0001053;
    fcvt_w_s "fcvt.w.s" FxRm 0xc0000053;
    fcvt_s_w "fcvt.s.w" XfRm 0xd0000053;
    fcvt_wu_s "fcvt.wu.s" FxRm 0xc0100053;
    fcvt_s_wu "fcvt.s.wu" XfRm 0xd0100053;
    fcvt_l_s "fcvt.l.s" FxRm 0xc0200053;
    fcvt_s_l "fcvt.s.l" XfRm 0xd0200053;
    fcvt_lu_s "fcvt.lu.s" FxRm 0xc0300053;
    fcvt_s_lu "fcvt.s.lu" XfRm 0xd0300053;
    fmadd_d "fmadd.d" Fma 0x02000043;
    fmsub_d "fmsub.d" Fma 0x02000047;
    fnmsub_d "fnmsub.d" Fma 0x0200004b;
    fnmadd_d "fnmadd.d" Fma 0x0200004f;
    fadd_d "fadd.d" FrRm 0x02000053;
    fsub_d "fsub.d" FrRm 0x0a000053;
    fmul_d "fmul.d" FrRm 0x12000053;
    fdiv_d "fdiv.d" FrRm 0x1a000053;
    fsqrt_d "fsqrt.d" FuRm 0x5a000053;
    fsgnj_d "fsgnj.d" Fr 0x22000053;
    fsgnjn_d "fsgnjn.d" Fr 0x22001053;
    fsgnjx_d "fsgnjx.d" Fr 0x22002053;
    fmin_d "fmin.d" Fr 0x2a000053;
    fmax_d "fmax.d" Fr 0x2a001053;
    fle_d "fle.d" Fcmp 0xa2000053;
    flt_d "flt.d" Fcmp 0xa2001053;
    feq_d "feq.d" Fcmp 0xa2002053;
    fclass_d "fclass.d" Fx 0xe2001053;
    fcvt_w_d "fcvt.w.d" FxRm 0xc2000053;
    fcvt_d_w "fcvt.d.w" Xf 0xd2000053;
    fcvt_wu_d "fcvt.wu.d" FxRm 0xc2100053;
    fcvt_d_wu "fcvt.d.wu" Xf 0xd2100053;
    fcvt_l_d "fcvt.l.d" FxRm 0xc2200053;
    fcvt_d_l "fcvt.d.l" XfRm 0xd2200053;
    fcvt_lu_d "fcvt.lu.d" FxRm 0xc2300053;
    fcvt_d_lu "fcvt.d.lu" XfRm 0xd2300053;
    fmv_x_w "fmv.x.w" Fx 0xe0000053;
    fmv_w_x "fmv.w.x" Xf 0xf0000053;
    fmv_x_d "fmv.x.d" Fx 0xe2000053;
    fmv_d_x "fmv.d.x" Xf 0xf2000053;
    fcvt_s_d "fcvt.s.d" FuRm 0x40100053;
    fcvt_d_s "fcvt.d.s" Fu 0x42000053;

    // --- Zba, Zbb, Zbc, Zbs, Zicond ---
    sh1add "sh1add" R 0x20002033;
    sh1add_uw "sh1add.uw" R 0x2000203b;
    sh2add "sh2add" R 0x20004033;
    sh2add_uw "sh2add.uw" R 0x2000403b;
    sh3add "sh3add" R 0x20006033;
    sh3add_uw "sh3add.uw" R 0x2000603b;
    add_uw "add.uw" R 0x0800003b;
    slli_uw "slli.uw" Sh6 0x0800101b;
    andn "andn" R 0x40007033;
    orn "orn" R 0x40006033;
    xnor "xnor" R 0x40004033;
    max "max" R 0x0a006033;
    maxu "maxu" R 0x0a007033;
    min "min" R 0x0a004033;
    minu "minu" R 0x0a005033;
    rol "rol" R 0x60001033;
    ror "ror" R 0x60005033;
    rolw "rolw" R 0x6000103b;
    rorw "rorw" R 0x6000503b;
    rori "rori" Sh6 0x60005013;
    roriw "roriw" Sh5 0x6000501b;
    clz "clz" Unary 0x60001013;
    ctz "ctz" Unary 0x60101013;
    cpop "cpop" Unary 0x60201013;
    sext_b "sext.b" Unary 0x60401013;
    sext_h "sext.h" Unary 0x60501013;
    clzw "clzw" Unary 0x6000101b;
    ctzw "ctzw" Unary 0x6010101b;
    cpopw "cpopw" Unary 0x6020101b;
    zext_h "zext.h" Unary 0x0800403b;
    orc_b "orc.b" Unary 0x28705013;
    rev8 "rev8" Unary 0x6b805013;
    bclr "bclr" R 0x48001033;
    bclri "bclri" Sh6 0x48001013;
    bext "bext" R 0x48005033;
    bexti "bexti" Sh6 0x48005013;
    binv "binv" R 0x68001033;
    binvi "binvi" Sh6 0x68001013;
    bset "bset" R 0x28001033;
    bseti "bseti" Sh6 0x28001013;
    clmul "clmul" R 0x0a001033;
    clmulr "clmulr" R 0x0a002033;
    clmulh "clmulh" R 0x0a003033;
    czero_eqz "czero.eqz" R 0x0e005033;
    czero_nez "czero.nez" R 0x0e007033;

    // --- Zfhmin ---
    flh "flh" Fload 0x00001007;
    fsh "fsh" Fstore 0x00001027;
    fcvt_s_h "fcvt.s.h" Fu 0x40200053;
    fcvt_h_s "fcvt.h.s" FuRm 0x44000053;

    // --- V: configuration, loads and stores ---
    vsetvli "vsetvli" Vsetvli 0x00007057;
    vsetivli "vsetivli" Vsetivli 0xc0007057;
    vsetvl "vsetvl" R 0x80007057;
    vle8_v "vle8.v" Vl 0x00000007;
    vse8_v "vse8.v" Vs 0x00000027;
    vle16_v "vle16.v" Vl 0x00005007;
    vse16_v "vse16.v" Vs 0x00005027;
    vle32_v "vle32.v" Vl 0x00006007;
    vse32_v "vse32.v" Vs 0x00006027;
    vle64_v "vle64.v" Vl 0x00007007;
    vse64_v "vse64.v" Vs 0x00007027;
    vlse8_v "vlse8.v" Vls 0x08000007;
    vsse8_v "vsse8.v" Vls 0x08000027;
    vlse16_v "vlse16.v" Vls 0x08005007;
    vsse16_v "vsse16.v" Vls 0x08005027;
    vlse32_v "vlse32.v" Vls 0x08006007;
    vsse32_v "vsse32.v" Vls 0x08006027;
    vlse64_v "vlse64.v" Vls 0x08007007;
    vsse64_v "vsse64.v" Vls 0x08007027;
    vlm_v "vlm.v" Vw 0x02b00007;
    vsm_v "vsm.v" Vw 0x02b00027;
    vl1re8_v "vl1re8.v" Vw 0x02800007;
    vs1r_v "vs1r.v" Vw 0x02800027;
    vl2re8_v "vl2re8.v" Vw 0x22800007;
    vs2r_v "vs2r.v" Vw 0x22800027;
    vl4re8_v "vl4re8.v" Vw 0x62800007;
    vs4r_v "vs4r.v" Vw 0x62800027;
    vl8re8_v "vl8re8.v" Vw 0xe2800007;
    vs8r_v "vs8r.v" Vw 0xe2800027;

    // --- V: integer ---
    vadd_vv "vadd.vv" Vvv 0x00000057;
    vadd_vx "vadd.vx" Vvx 0x00004057;
    vadd_vi "vadd.vi" Vvi 0x00003057;
    vsub_vv "vsub.vv" Vvv 0x08000057;
    vsub_vx "vsub.vx" Vvx 0x08004057;
    vrsub_vx "vrsub.vx" Vvx 0x0c004057;
    vrsub_vi "vrsub.vi" Vvi 0x0c003057;
    vminu_vv "vminu.vv" Vvv 0x10000057;
    vminu_vx "vminu.vx" Vvx 0x10004057;
    vmin_vv "vmin.vv" Vvv 0x14000057;
    vmin_vx "vmin.vx" Vvx 0x14004057;
    vmaxu_vv "vmaxu.vv" Vvv 0x18000057;
    vmaxu_vx "vmaxu.vx" Vvx 0x18004057;
    vmax_vv "vmax.vv" Vvv 0x1c000057;
    vmax_vx "vmax.vx" Vvx 0x1c004057;
    vand_vv "vand.vv" Vvv 0x24000057;
    vand_vx "vand.vx" Vvx 0x24004057;
    vand_vi "vand.vi" Vvi 0x24003057;
    vor_vv "vor.vv" Vvv 0x28000057;
    vor_vx "vor.vx" Vvx 0x28004057;
    vor_vi "vor.vi" Vvi 0x28003057;
    vxor_vv "vxor.vv" Vvv 0x2c000057;
    vxor_vx "vxor.vx" Vvx 0x2c004057;
    vxor_vi "vxor.vi" Vvi 0x2c003057;
    vrgather_vv "vrgather.vv" Vvv 0x30000057;
    vrgather_vx "vrgather.vx" Vvx 0x30004057;
    vrgather_vi "vrgather.vi" Vvu 0x30003057;
    vslideup_vx "vslideup.vx" Vvx 0x38004057;
    vslideup_vi "vslideup.vi" Vvu 0x38003057;
    vslidedown_vx "vslidedown.vx" Vvx 0x3c004057;
    vslidedown_vi "vslidedown.vi" Vvu 0x3c003057;
    vmseq_vv "vmseq.vv" Vvv 0x60000057;
    vmseq_vx "vmseq.vx" Vvx 0x60004057;
    vmseq_vi "vmseq.vi" Vvi 0x60003057;
    vmsne_vv "vmsne.vv" Vvv 0x64000057;
    vmsne_vx "vmsne.vx" Vvx 0x64004057;
    vmsne_vi "vmsne.vi" Vvi 0x64003057;
    vmsltu_vv "vmsltu.vv" Vvv 0x68000057;
    vmsltu_vx "vmsltu.vx" Vvx 0x68004057;
    vmslt_vv "vmslt.vv" Vvv 0x6c000057;
    vmslt_vx "vmslt.vx" Vvx 0x6c004057;
    vmsleu_vv "vmsleu.vv" Vvv 0x70000057;
    vmsleu_vx "vmsleu.vx" Vvx 0x70004057;
    vmsleu_vi "vmsleu.vi" Vvi 0x70003057;
    vmsle_vv "vmsle.vv" Vvv 0x74000057;
    vmsle_vx "vmsle.vx" Vvx 0x74004057;
    vmsle_vi "vmsle.vi" Vvi 0x74003057;
    vmsgtu_vx "vmsgtu.vx" Vvx 0x78004057;
    vmsgtu_vi "vmsgtu.vi" Vvi 0x78003057;
    vmsgt_vx "vmsgt.vx" Vvx 0x7c004057;
    vmsgt_vi "vmsgt.vi" Vvi 0x7c003057;
    vsaddu_vv "vsaddu.vv" Vvv 0x80000057;
    vsaddu_vx "vsaddu.vx" Vvx 0x80004057;
    vsaddu_vi "vsaddu.vi" Vvi 0x80003057;
    vsadd_vv "vsadd.vv" Vvv 0x84000057;
    vsadd_vx "vsadd.vx" Vvx 0x84004057;
    vsadd_vi "vsadd.vi" Vvi 0x84003057;
    vssubu_vv "vssubu.vv" Vvv 0x88000057;
    vssubu_vx "vssubu.vx" Vvx 0x88004057;
    vssub_vv "vssub.vv" Vvv 0x8c000057;
    vssub_vx "vssub.vx" Vvx 0x8c004057;
    vsll_vv "vsll.vv" Vvv 0x94000057;
    vsll_vx "vsll.vx" Vvx 0x94004057;
    vsll_vi "vsll.vi" Vvu 0x94003057;
    vsmul_vv "vsmul.vv" Vvv 0x9c000057;
    vsmul_vx "vsmul.vx" Vvx 0x9c004057;
    vsrl_vv "vsrl.vv" Vvv 0xa0000057;
    vsrl_vx "vsrl.vx" Vvx 0xa0004057;
    vsrl_vi "vsrl.vi" Vvu 0xa0003057;
    vsra_vv "vsra.vv" Vvv 0xa4000057;
    vsra_vx "vsra.vx" Vvx 0xa4004057;
    vsra_vi "vsra.vi" Vvu 0xa4003057;
    vssrl_vv "vssrl.vv" Vvv 0xa8000057;
    vssrl_vx "vssrl.vx" Vvx 0xa8004057;
    vssrl_vi "vssrl.vi" Vvu 0xa8003057;
    vssra_vv "vssra.vv" Vvv 0xac000057;
    vssra_vx "vssra.vx" Vvx 0xac004057;
    vssra_vi "vssra.vi" Vvu 0xac003057;
    vnsrl_wv "vnsrl.wv" Vvv 0xb0000057;
    vnsrl_wx "vnsrl.wx" Vvx 0xb0004057;
    vnsrl_wi "vnsrl.wi" Vvu 0xb0003057;
    vnsra_wv "vnsra.wv" Vvv 0xb4000057;
    vnsra_wx "vnsra.wx" Vvx 0xb4004057;
    vnsra_wi "vnsra.wi" Vvu 0xb4003057;
    vnclipu_wv "vnclipu.wv" Vvv 0xb8000057;
    vnclipu_wx "vnclipu.wx" Vvx 0xb8004057;
    vnclipu_wi "vnclipu.wi" Vvu 0xb8003057;
    vnclip_wv "vnclip.wv" Vvv 0xbc000057;
    vnclip_wx "vnclip.wx" Vvx 0xbc004057;
    vnclip_wi "vnclip.wi" Vvu 0xbc003057;
    vrgatherei16_vv "vrgatherei16.vv" Vvv 0x38000057;
    vmerge_vvm "vmerge.vvm" Vvvm 0x5c000057;
    vmerge_vxm "vmerge.vxm" Vvxm 0x5c004057;
    vmerge_vim "vmerge.vim" Vvim 0x5c003057;
    vmv_v_v "vmv.v.v" Vmvv 0x5e000057;
    vmv_v_x "vmv.v.x" Vmvx 0x5e004057;
    vmv_v_i "vmv.v.i" Vmvi 0x5e003057;
    vmv1r_v "vmv1r.v" Vmvr 0x9e003057;
    vmv2r_v "vmv2r.v" Vmvr 0x9e00b057;
    vmv4r_v "vmv4r.v" Vmvr 0x9e01b057;
    vmv8r_v "vmv8r.v" Vmvr 0x9e03b057;
    vaaddu_vv "vaaddu.vv" Vvv 0x20002057;
    vaaddu_vx "vaaddu.vx" Vvx 0x20006057;
    vaadd_vv "vaadd.vv" Vvv 0x24002057;
    vaadd_vx "vaadd.vx" Vvx 0x24006057;
    vasubu_vv "vasubu.vv" Vvv 0x28002057;
    vasubu_vx "vasubu.vx" Vvx 0x28006057;
    vasub_vv "vasub.vv" Vvv 0x2c002057;
    vasub_vx "vasub.vx" Vvx 0x2c006057;
    vdivu_vv "vdivu.vv" Vvv 0x80002057;
    vdivu_vx "vdivu.vx" Vvx 0x80006057;
    vdiv_vv "vdiv.vv" Vvv 0x84002057;
    vdiv_vx "vdiv.vx" Vvx 0x84006057;
    vremu_vv "vremu.vv" Vvv 0x88002057;
    vremu_vx "vremu.vx" Vvx 0x88006057;
    vrem_vv "vrem.vv" Vvv 0x8c002057;
    vrem_vx "vrem.vx" Vvx 0x8c006057;
    vmulhu_vv "vmulhu.vv" Vvv 0x90002057;
    vmulhu_vx "vmulhu.vx" Vvx 0x90006057;
    vmul_vv "vmul.vv" Vvv 0x94002057;
    vmul_vx "vmul.vx" Vvx 0x94006057;
    vmulhsu_vv "vmulhsu.vv" Vvv 0x98002057;
    vmulhsu_vx "vmulhsu.vx" Vvx 0x98006057;
    vmulh_vv "vmulh.vv" Vvv 0x9c002057;
    vmulh_vx "vmulh.vx" Vvx 0x9c006057;
    vwaddu_vv "vwaddu.vv" Vvv 0xc0002057;
    vwaddu_vx "vwaddu.vx" Vvx 0xc0006057;
    vwadd_vv "vwadd.vv" Vvv 0xc4002057;
    vwadd_vx "vwadd.vx" Vvx 0xc4006057;
    vwsubu_vv "vwsubu.vv" Vvv 0xc8002057;
    vwsubu_vx "vwsubu.vx" Vvx 0xc8006057;
    vwsub_vv "vwsub.vv" Vvv 0xcc002057;
    vwsub_vx "vwsub.vx" Vvx 0xcc006057;
    vwmulu_vv "vwmulu.vv" Vvv 0xe0002057;
    vwmulu_vx "vwmulu.vx" Vvx 0xe0006057;
    vwmul_vv "vwmul.vv" Vvv 0xec002057;
    vwmul_vx "vwmul.vx" Vvx 0xec006057;
    vwaddu_wv "vwaddu.wv" Vvv 0xd0002057;
    vwaddu_wx "vwaddu.wx" Vvx 0xd0006057;
    vwadd_wv "vwadd.wv" Vvv 0xd4002057;
    vwadd_wx "vwadd.wx" Vvx 0xd4006057;
    vwsubu_wv "vwsubu.wv" Vvv 0xd8002057;
    vwsubu_wx "vwsubu.wx" Vvx 0xd8006057;
    vwsub_wv "vwsub.wv" Vvv 0xdc002057;
    vwsub_wx "vwsub.wx" Vvx 0xdc006057;
    vmacc_vv "vmacc.vv" Vmac 0xb4002057;
    vmacc_vx "vmacc.vx" Vmacx 0xb4006057;
    vnmsac_vv "vnmsac.vv" Vmac 0xbc002057;
    vnmsac_vx "vnmsac.vx" Vmacx 0xbc006057;
    vmadd_vv "vmadd.vv" Vmac 0xa4002057;
    vmadd_vx "vmadd.vx" Vmacx 0xa4006057;
    vnmsub_vv "vnmsub.vv" Vmac 0xac002057;
    vnmsub_vx "vnmsub.vx" Vmacx 0xac006057;
    vwmaccu_vv "vwmaccu.vv" Vmac 0xf0002057;
    vwmaccu_vx "vwmaccu.vx" Vmacx 0xf0006057;
    vwmacc_vv "vwmacc.vv" Vmac 0xf4002057;
    vwmacc_vx "vwmacc.vx" Vmacx 0xf4006057;
    vredsum_vs "vredsum.vs" Vvv 0x00002057;
    vredand_vs "vredand.vs" Vvv 0x04002057;
    vredor_vs "vredor.vs" Vvv 0x08002057;
    vredxor_vs "vredxor.vs" Vvv 0x0c002057;
    vredminu_vs "vredminu.vs" Vvv 0x10002057;
    vredmin_vs "vredmin.vs" Vvv 0x14002057;
    vredmaxu_vs "vredmaxu.vs" Vvv 0x18002057;
    vredmax_vs "vredmax.vs" Vvv 0x1c002057;
    vwredsumu_vs "vwredsumu.vs" Vvv 0xc0000057;
    vslide1up_vx "vslide1up.vx" Vvx 0x38006057;
    vslide1down_vx "vslide1down.vx" Vvx 0x3c006057;
    vfslide1up_vf "vfslide1up.vf" Vvf 0x38005057;
    vmv_x_s "vmv.x.s" Vxs 0x42002057;
    vmv_s_x "vmv.s.x" Vmvx 0x42006057;
    vcpop_m "vcpop.m" Vxm 0x40082057;
    vfirst_m "vfirst.m" Vxm 0x4008a057;
    vzext_vf8 "vzext.vf8" Vu 0x48012057;
    vsext_vf8 "vsext.vf8" Vu 0x4801a057;
    vzext_vf4 "vzext.vf4" Vu 0x48022057;
    vsext_vf4 "vsext.vf4" Vu 0x4802a057;
    vzext_vf2 "vzext.vf2" Vu 0x48032057;
    vsext_vf2 "vsext.vf2" Vu 0x4803a057;
    viota_m "viota.m" Vu 0x50082057;
    vid_v "vid.v" Vd 0x5008a057;
    vcompress_vm "vcompress.vm" Vmm 0x5e002057;
    vmandn_mm "vmandn.mm" Vmm 0x62002057;
    vmand_mm "vmand.mm" Vmm 0x66002057;
    vmor_mm "vmor.mm" Vmm 0x6a002057;
    vmxor_mm "vmxor.mm" Vmm 0x6e002057;
    vmorn_mm "vmorn.mm" Vmm 0x72002057;
    vmnand_mm "vmnand.mm" Vmm 0x76002057;
    vmnor_mm "vmnor.mm" Vmm 0x7a002057;
    vmxnor_mm "vmxnor.mm" Vmm 0x7e002057;

    // --- V: floating point ---
    vfadd_vv "vfadd.vv" Vvv 0x00001057;
    vfadd_vf "vfadd.vf" Vvf 0x00005057;
    vfsub_vv "vfsub.vv" Vvv 0x08001057;
    vfsub_vf "vfsub.vf" Vvf 0x08005057;
    vfmin_vv "vfmin.vv" Vvv 0x10001057;
    vfmin_vf "vfmin.vf" Vvf 0x10005057;
    vfmax_vv "vfmax.vv" Vvv 0x18001057;
    vfmax_vf "vfmax.vf" Vvf 0x18005057;
    vfsgnj_vv "vfsgnj.vv" Vvv 0x20001057;
    vfsgnj_vf "vfsgnj.vf" Vvf 0x20005057;
    vfsgnjn_vv "vfsgnjn.vv" Vvv 0x24001057;
    vfsgnjn_vf "vfsgnjn.vf" Vvf 0x24005057;
    vfsgnjx_vv "vfsgnjx.vv" Vvv 0x28001057;
    vfsgnjx_vf "vfsgnjx.vf" Vvf 0x28005057;
    vmfeq_vv "vmfeq.vv" Vvv 0x60001057;
    vmfeq_vf "vmfeq.vf" Vvf 0x60005057;
    vmfle_vv "vmfle.vv" Vvv 0x64001057;
    vmfle_vf "vmfle.vf" Vvf 0x64005057;
    vmflt_vv "vmflt.vv" Vvv 0x6c001057;
    vmflt_vf "vmflt.vf" Vvf 0x6c005057;
    vmfne_vv "vmfne.vv" Vvv 0x70001057;
    vmfne_vf "vmfne.vf" Vvf 0x70005057;
    vfdiv_vv "vfdiv.vv" Vvv 0x80001057;
    vfdiv_vf "vfdiv.vf" Vvf 0x80005057;
    vfmul_vv "vfmul.vv" Vvv 0x90001057;
    vfmul_vf "vfmul.vf" Vvf 0x90005057;
    vmfgt_vf "vmfgt.vf" Vvf 0x74005057;
    vmfge_vf "vmfge.vf" Vvf 0x7c005057;
    vfmacc_vv "vfmacc.vv" Vmac 0xb0001057;
    vfnmacc_vv "vfnmacc.vv" Vmac 0xb4001057;
    vfmsac_vv "vfmsac.vv" Vmac 0xb8001057;
    vfnmsac_vv "vfnmsac.vv" Vmac 0xbc001057;
    vfrdiv_vf "vfrdiv.vf" Vvf 0x84005057;
    vfrsub_vf "vfrsub.vf" Vvf 0x9c005057;
    vfmv_f_s "vfmv.f.s" Vfs 0x42001057;
    vfmv_s_f "vfmv.s.f" Vmvf 0x42005057;
    vfmv_v_f "vfmv.v.f" Vmvf 0x5e005057;
    vfmerge_vfm "vfmerge.vfm" Vvfm 0x5c005057;
    vfcvt_xu_f_v "vfcvt.xu.f.v" Vu 0x48001057;
    vfcvt_x_f_v "vfcvt.x.f.v" Vu 0x48009057;
    vfcvt_f_xu_v "vfcvt.f.xu.v" Vu 0x48011057;
    vfcvt_f_x_v "vfcvt.f.x.v" Vu 0x48019057;
    vfcvt_rtz_xu_f_v "vfcvt.rtz.xu.f.v" Vu 0x48031057;
    vfcvt_rtz_x_f_v "vfcvt.rtz.x.f.v" Vu 0x48039057;
    vfwcvt_x_f_v "vfwcvt.x.f.v" Vu 0x48049057;
    vfwcvt_f_x_v "vfwcvt.f.x.v" Vu 0x48059057;
    vfwcvt_f_f_v "vfwcvt.f.f.v" Vu 0x48061057;
    vfwcvt_rtz_x_f_v "vfwcvt.rtz.x.f.v" Vu 0x48079057;
    vfncvt_x_f_w "vfncvt.x.f.w" Vu 0x48089057;
    vfncvt_f_x_w "vfncvt.f.x.w" Vu 0x48099057;
    vfncvt_f_f_w "vfncvt.f.f.w" Vu 0x480a1057;
    vfncvt_rod_f_f_w "vfncvt.rod.f.f.w" Vu 0x480a9057;
    vfncvt_rtz_x_f_w "vfncvt.rtz.x.f.w" Vu 0x480b9057;
    vfsqrt_v "vfsqrt.v" Vu 0x4c001057;
    vfrsqrt7_v "vfrsqrt7.v" Vu 0x4c021057;
    vfrec7_v "vfrec7.v" Vu 0x4c029057;
    vfclass_v "vfclass.v" Vu 0x4c081057;

    // --- Zfa ---
    fround_s "fround.s" FuRm 0x40400053;
    froundnx_s "froundnx.s" FuRm 0x40500053;
    fround_d "fround.d" FuRm 0x42400053;
    froundnx_d "froundnx.d" FuRm 0x42500053;

    // --- Zvkb ---
    vandn_vv "vandn.vv" Vvv 0x04000057;
    vandn_vx "vandn.vx" Vvx 0x04004057;
    vror_vv "vror.vv" Vvv 0x50000057;
    vror_vx "vror.vx" Vvx 0x50004057;
    vror_vi "vror.vi" Vvu 0x50003057;
    vrol_vv "vrol.vv" Vvv 0x54000057;
    vrol_vx "vrol.vx" Vvx 0x54004057;
    vbrev8_v "vbrev8.v" Vu 0x48042057;
    vrev8_v "vrev8.v" Vu 0x4804a057;

    // --- Zvbc ---
    vclmul_vv "vclmul.vv" Vvv 0x30002057;
    vclmul_vx "vclmul.vx" Vvx 0x30006057;
    vclmulh_vv "vclmulh.vv" Vvv 0x34002057;
    vclmulh_vx "vclmulh.vx" Vvx 0x34006057;

    // --- Zvknha ---
    vsha2ms_vv "vsha2ms.vv" Vmm 0xb6002077;
    vsha2ch_vv "vsha2ch.vv" Vmm 0xba002077;
    vsha2cl_vv "vsha2cl.vv" Vmm 0xbe002077;

    // --- Zvkned ---
    vaesdm_vv "vaesdm.vv" Vmvr 0xa2002077;
    vaesdf_vv "vaesdf.vv" Vmvr 0xa200a077;
    vaesem_vv "vaesem.vv" Vmvr 0xa2012077;
    vaesef_vv "vaesef.vv" Vmvr 0xa201a077;
}
