//! The operations, one row each: name, signature, effect and meaning.
//!
//! Signatures list argument types, a colon, and the result: I = I64, F = a float of the
//! instruction's width, V = V128, L = flags. Integer operations of width w read the low w bits of
//! their arguments and give a result zero-extended to 64 bits.
//!
//! Lift may use every operation. What engines get has passed `opt`, after which flags are in *legal
//! form*: a bundle is used only by `set flags`, and is one of fl.add, fl.sub, fl.adc, fl.sbb,
//! fl.logic, fl.res, fl.add.kc, fl.sub.kc, fl.raw (those for which `eval::flags` gives a record); `cond` and `fl.bits` are applied only to a `get flags`, whose value is a snapshot
//! of the flags at that place (a `set flags` may lie between it and its use). So engines know records
//! and nothing else about flags.

use super::Width;

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    /// Nothing.
    None,
    /// A 64-bit integer.
    I64,
    /// A binary32 or binary64, as the instruction's width says.
    F,
    /// 128 bits.
    V128,
    /// A bundle of the six status flags.
    Flags,
}

/// What an operation does besides giving a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Nothing: may be removed, duplicated and reordered.
    Pure,
    /// Reads guest registers.
    Read,
    /// Writes guest registers.
    Write,
    /// Floating point: reads MXCSR, sets its sticky bits, raises #XM if one is unmasked.
    Fp,
    /// Reads memory; may fault.
    Load,
    /// Writes memory; may fault.
    Store,
    /// May raise a fault or leave the region, but changes nothing.
    Check,
    /// Marks or orders only.
    Mark,
    /// Anything: reads and writes registers and memory, may fault.
    All,
}

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident $text:literal $sig:literal $effect:ident;)*) => {
        /// An IR operation.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Op { $($(#[$doc])* $name,)* }

        impl Op {
            /// All operations.
            pub const ALL: &'static [Op] = &[$(Op::$name,)*];

            /// The name in printed IR.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Op::$name => $text,)* } }

            /// The signature, as the module's head describes it.
            #[must_use]
            pub const fn signature(self) -> &'static str { match self { $(Op::$name => $sig,)* } }

            /// What it does besides giving a value.
            #[must_use]
            #[inline]
            pub const fn effect(self) -> Effect {
                const EFFECTS: [Effect; Op::ALL.len()] = [$(Effect::$effect,)*];
                EFFECTS[self as usize]
            }
        }
    };
}

ops! {
    /// Begins the guest instruction at address `imm`, `aux` bytes long.
    Insn "insn" ":" Mark;
    /// `imm`.
    Const "const" ":I" Pure;
    /// 128-bit constant number `imm` of the region's pool.
    VConst "vconst" ":V" Pure;
    /// The variable `imm`. The result type is the variable's.
    Get "get" ":*" Read;
    /// Sets the variable `imm`.
    Set "set" "*:" Write;
    /// a + b.
    Add "add" "II:I" Pure;
    /// a - b.
    Sub "sub" "II:I" Pure;
    /// Low half of a * b.
    Mul "mul" "II:I" Pure;
    /// High half of unsigned a * b (width 64).
    MulHiU "mulhu" "II:I" Pure;
    /// High half of signed a * b (width 64).
    MulHiS "mulhs" "II:I" Pure;
    /// Unsigned a / b; b is not 0.
    DivU "divu" "II:I" Pure;
    /// Unsigned a % b; b is not 0.
    RemU "remu" "II:I" Pure;
    /// Signed a / b; b is not 0. The most negative number divided by -1 gives itself.
    DivS "divs" "II:I" Pure;
    /// Signed a % b; b is not 0.
    RemS "rems" "II:I" Pure;
    /// Quotient of unsigned (a:b) / c, a being the high half (width 64); a < c.
    Div128U "div128u" "III:I" Pure;
    /// Remainder of unsigned (a:b) / c; a < c.
    Rem128U "rem128u" "III:I" Pure;
    /// Quotient of signed (a:b) / c; unspecified where `div128s.overflows`.
    Div128S "div128s" "III:I" Pure;
    /// Remainder of signed (a:b) / c; unspecified where `div128s.overflows`.
    Rem128S "rem128s" "III:I" Pure;
    /// 1 if c is 0 or the quotient of signed (a:b) / c does not fit 64 bits.
    Div128SOverflows "div128s.overflows" "III:I" Pure;
    /// a & b.
    And "and" "II:I" Pure;
    /// a | b.
    Or "or" "II:I" Pure;
    /// a ^ b.
    Xor "xor" "II:I" Pure;
    /// a << (b & 63); counts of the width and above give 0.
    Shl "shl" "II:I" Pure;
    /// Unsigned a >> (b & 63); counts of the width and above give 0.
    Shr "shr" "II:I" Pure;
    /// Signed a >> (b & 63); counts of the width and above give copies of the sign.
    Sar "sar" "II:I" Pure;
    /// Rotates left by b modulo the width.
    Rotl "rotl" "II:I" Pure;
    /// Rotates right by b modulo the width.
    Rotr "rotr" "II:I" Pure;
    /// Zero-extends the low w bits.
    Zext "zext" "I:I" Pure;
    /// Sign-extends the low w bits to 64.
    Sext "sext" "I:I" Pure;
    /// a with the w bits from bit `imm` replaced by the low bits of b.
    Deposit "deposit" "II:I" Pure;
    /// Leading zeros; the width for 0.
    Clz "clz" "I:I" Pure;
    /// Trailing zeros; the width for 0.
    Ctz "ctz" "I:I" Pure;
    /// Number of ones.
    Popcnt "popcnt" "I:I" Pure;
    /// Reverses the bytes.
    Bswap "bswap" "I:I" Pure;
    /// a == b, 0 or 1.
    Eq "eq" "II:I" Pure;
    /// a != b, 0 or 1.
    Ne "ne" "II:I" Pure;
    /// Unsigned a < b, 0 or 1.
    LtU "ltu" "II:I" Pure;
    /// Unsigned a <= b, 0 or 1.
    LeU "leu" "II:I" Pure;
    /// Signed a < b, 0 or 1.
    LtS "lts" "II:I" Pure;
    /// Signed a <= b, 0 or 1.
    LeS "les" "II:I" Pure;
    /// b if a is not 0, else c; all 64 bits of each.
    Select "select" "III:I" Pure;

    /// Loads w bits from a + `imm`. `aux` & 1: a page fault is reported as that of a write. `aux` & 2,
    /// here and in the next three: through SS, so that a non-canonical address is #SS instead of #GP.
    Load "load" "I:I" Load;
    /// Stores the low w bits of b at a + `imm`.
    Store "store" "II:" Store;
    /// Loads 128 bits from a + `imm`; with `aux` & 1 a misaligned address is #GP.
    VLoad "vload" "I:V" Load;
    /// Stores 128 bits at a + `imm`; with `aux` & 1 a misaligned address is #GP. The halves of a 256-bit
    /// store have `aux` & 4 and 8: the first one stores nothing if the second would fault.
    VStore "vstore" "IV:" Store;
    /// Atomically replaces the w bits at a by `RmwOp` number `aux` of them and b; gives the old ones.
    /// `imm` & 2, here and in `cas`: through SS.
    Rmw "rmw" "II:I" All;
    /// Atomically replaces the w bits at a by c if they equal b; gives the old ones. Always a write
    /// to the page, as LOCK CMPXCHG is.
    Cas "cas" "III:I" All;
    /// Raises the page fault a w-bit store to a + `imm` would raise, and changes nothing.
    ProbeWrite "probe.write" "I:" All;
    /// Stores the low w bits of b at a, a + w.. : as many times as it likes, at most c times, and not if
    /// that faults; gives how many.
    RepStos "rep.stos" "III:I" All;
    /// Copies w bits from b to a, then from b + w to a + w.. : as many times as it likes, at most c times,
    /// and not if that faults; gives how many. Copies nothing that a later copy reads.
    RepMovs "rep.movs" "III:I" All;
    /// A memory fence, `FenceKind` number `aux`.
    Fence "fence" ":" Mark;

    /// The flags of a + b.
    FlAdd "fl.add" "II:L" Pure;
    /// The flags of a - b.
    FlSub "fl.sub" "II:L" Pure;
    /// The flags of a + b + c, c being 0 or 1.
    FlAdc "fl.adc" "III:L" Pure;
    /// The flags of a - b - c, c being 0 or 1.
    FlSbb "fl.sbb" "III:L" Pure;
    /// The flags of a logical result: CF, OF, AF are 0.
    FlLogic "fl.logic" "I:L" Pure;
    /// ZF, SF, PF of result a; CF, OF and AF are those bits of b.
    FlRes "fl.res" "II:L" Pure;
    /// The flags of a + b, but CF is c, 0 or 1 (INC).
    FlAddKeepCarry "fl.add.kc" "III:L" Pure;
    /// The flags of a - b, but CF is c, 0 or 1 (DEC).
    FlSubKeepCarry "fl.sub.kc" "III:L" Pure;
    /// The flags in their RFLAGS positions.
    FlRaw "fl.raw" "I:L" Pure;
    /// ZF, PF, CF of comparing two floats as UCOMISS does (COMISS with `aux` 1); OF, SF, AF are 0.
    FlFcmp "fl.fcmp" "FF:L" Fp;
    /// The flags of mask `imm` from a, the others from b.
    FlMerge "fl.merge" "LL:L" Pure;
    /// b if a is not 0, else c.
    FlSelect "fl.select" "ILL:L" Pure;
    /// Condition `aux` of the flags, 0 or 1.
    CondOf "cond" "L:I" Pure;
    /// The flags of mask `imm` in their RFLAGS positions.
    FlBits "fl.bits" "L:I" Pure;

    /// Goes to `Inst::exit` if a is not 0 (`aux` & `EXIT_UNLESS`: if it is 0). The other arguments, up to
    /// three integers, are for the target's `param`s.
    ExitIf "exit.if" "I???:" Check;
    /// Argument `imm` + 1 of the `exit.if` that leads here. Its block has no other predecessor, and comes
    /// after it in the region.
    Param "param" ":I" Read;
    /// Raises `Trap` number `aux` if a is not 0.
    TrapIf "trap.if" "I:" Check;
    /// Raises #GP unless a is a canonical address.
    CheckCanonical "check.canonical" "I:" Check;
    /// A safepoint: leaves the region with RIP = `imm` if the poll word is set.
    Poll "poll" ":" Check;
    /// Calls helper number `aux` with up to three integers. `imm` & 2: its memory operand is addressed
    /// through SS.
    Call "call" "III?:I" All;

    /// Lane 0.
    FGet "fget" "V:F" Pure;
    /// a with lane 0 replaced.
    FPut "fput" "VF:V" Pure;
    /// The bits of a float, zero-extended.
    FBits "fbits" "F:I" Pure;
    /// The float with these bits.
    FFrom "ffrom" "I:F" Pure;
    /// a + b.
    FAdd "fadd" "FF:F" Fp;
    /// a - b.
    FSub "fsub" "FF:F" Fp;
    /// a * b.
    FMul "fmul" "FF:F" Fp;
    /// a / b.
    FDiv "fdiv" "FF:F" Fp;
    /// a < b ? a : b, as MINSS.
    FMin "fmin" "FF:F" Fp;
    /// a > b ? a : b, as MAXSS.
    FMax "fmax" "FF:F" Fp;
    /// Square root.
    FSqrt "fsqrt" "F:F" Fp;
    /// RCPSS's approximation of 1 / a.
    FRcp "frcp" "F:F" Pure;
    /// RSQRTSS's approximation of 1 / sqrt(a).
    FRsqrt "frsqrt" "F:F" Pure;
    /// `FpPredicate` number `aux`, 0 or 1.
    FCmp "fcmp" "FF:I" Fp;
    /// ZF, PF, CF in their RFLAGS positions as UCOMISS sets them (COMISS with `aux` 1).
    FComi "fcomi" "FF:I" Fp;
    /// From the other float width to w.
    FCvtF "fcvt.f" "G:F" Fp;
    /// From a signed integer of 32 (`aux` 2) or 64 (`aux` 3) bits to w.
    FCvtFromI "fcvt.fromi" "I:F" Fp;
    /// To a signed integer of 32 (`aux` & 3 = 2) or 64 (3) bits, zero-extended; w is the float's
    /// width; `aux` & 4: truncating, else as MXCSR rounds.
    FCvtToI "fcvt.toi" "F:I" Fp;

    /// a & b.
    VAnd "vand" "VV:V" Pure;
    /// !a & b, as PANDN.
    VAndN "vandn" "VV:V" Pure;
    /// a | b.
    VOr "vor" "VV:V" Pure;
    /// a ^ b.
    VXor "vxor" "VV:V" Pure;
    /// a + b by lanes.
    VAdd "vadd" "VV:V" Pure;
    /// a - b by lanes.
    VSub "vsub" "VV:V" Pure;
    /// a + b by lanes, signed saturation.
    VAddSatS "vaddsats" "VV:V" Pure;
    /// a + b by lanes, unsigned saturation.
    VAddSatU "vaddsatu" "VV:V" Pure;
    /// a - b by lanes, signed saturation.
    VSubSatS "vsubsats" "VV:V" Pure;
    /// a - b by lanes, unsigned saturation.
    VSubSatU "vsubsatu" "VV:V" Pure;
    /// Low halves of the lanes' products.
    VMul "vmul" "VV:V" Pure;
    /// High halves of the lanes' signed products.
    VMulHiS "vmulhis" "VV:V" Pure;
    /// High halves of the lanes' unsigned products.
    VMulHiU "vmulhiu" "VV:V" Pure;
    /// Products of the even unsigned 32-bit lanes, 64 bits each (PMULUDQ).
    VMulEvenU "vmulevenu" "VV:V" Pure;
    /// Sums of neighbouring products of signed 16-bit lanes (PMADDWD).
    VMadd "vmadd" "VV:V" Pure;
    /// Sums of absolute differences of unsigned bytes, in two 64-bit lanes (PSADBW).
    VSad "vsad" "VV:V" Pure;
    /// Signed minimum.
    VMinS "vmins" "VV:V" Pure;
    /// Unsigned minimum.
    VMinU "vminu" "VV:V" Pure;
    /// Signed maximum.
    VMaxS "vmaxs" "VV:V" Pure;
    /// Unsigned maximum.
    VMaxU "vmaxu" "VV:V" Pure;
    /// Unsigned average, rounded up.
    VAvg "vavg" "VV:V" Pure;
    /// All ones where equal.
    VCmpEq "vcmpeq" "VV:V" Pure;
    /// All ones where signed a > b.
    VCmpGt "vcmpgt" "VV:V" Pure;
    /// Shifts the lanes left by the 64-bit count b; counts of the width and above give 0.
    VShl "vshl" "VI:V" Pure;
    /// Shifts the lanes right, unsigned; counts of the width and above give 0.
    VShr "vshr" "VI:V" Pure;
    /// Shifts the lanes right, signed; counts of the width and above count as width - 1.
    VSar "vsar" "VI:V" Pure;
    /// Lanes of a, then of b, narrowed from w to half of it with signed saturation.
    VPackS "vpacks" "VV:V" Pure;
    /// The same with signed lanes saturated to unsigned ones.
    VPackU "vpacku" "VV:V" Pure;
    /// Bytes chosen from a (0 to 15), b (16 to 31) or zero (0x80) by pool constant `imm`.
    VShuf "vshuf" "VV:V" Pure;
    /// The lanes' sign bits as an integer.
    VMovMask "vmovmask" "V:I" Pure;
    /// Lane `imm`, zero-extended.
    VExtract "vextract" "V:I" Pure;
    /// a with lane `imm` replaced by the low bits of b.
    VInsert "vinsert" "VI:V" Pure;
    /// The low w bits in lane 0, zeros elsewhere.
    VFromI "vfromi" "I:V" Pure;
    /// The low w bits in all lanes.
    VSplat "vsplat" "I:V" Pure;
    /// a + b by lanes.
    VFAdd "vfadd" "VV:V" Fp;
    /// a - b by lanes.
    VFSub "vfsub" "VV:V" Fp;
    /// a * b by lanes.
    VFMul "vfmul" "VV:V" Fp;
    /// a / b by lanes.
    VFDiv "vfdiv" "VV:V" Fp;
    /// Minimum by lanes, as MINPS.
    VFMin "vfmin" "VV:V" Fp;
    /// Maximum by lanes, as MAXPS.
    VFMax "vfmax" "VV:V" Fp;
    /// Square roots.
    VFSqrt "vfsqrt" "V:V" Fp;
    /// RCPPS.
    VFRcp "vfrcp" "V:V" Pure;
    /// RSQRTPS.
    VFRsqrt "vfrsqrt" "V:V" Pure;
    /// All ones where `FpPredicate` number `aux` holds.
    VFCmp "vfcmp" "VV:V" Fp;
    /// Conversion of lanes, `CvtKind` number `aux`.
    VCvt "vcvt" "V:V" Fp;

    /// The low bits of a where b has ones, from the lowest on; zeros elsewhere (PDEP).
    Pdep "pdep" "II:I" Pure;
    /// The bits of a where b has ones, next to each other from bit 0 on (PEXT).
    Pext "pext" "II:I" Pure;
    /// a - b in the even lanes, a + b in the odd ones (ADDSUBPS).
    VFAddSub "vfaddsub" "VV:V" Fp;
    /// Bytes of a chosen by the low four bits of b's; zero where b's byte is negative (PSHUFB).
    VPerm "vperm" "VV:V" Pure;
    /// Lanes of b where those of c are negative, else of a.
    VBlend "vblend" "VVV:V" Pure;
    /// The low lanes of `imm` bits, sign-extended to w.
    VSext "vsext" "V:V" Pure;
    /// The low lanes of `imm` bits, zero-extended to w.
    VZext "vzext" "V:V" Pure;
    /// Rounds to an integer: to nearest, down, up or to zero as `aux` & 3 says, with `aux` & 4 as MXCSR
    /// does; with `aux` & 8 a result that is not exact is no exception.
    FRound "fround" "F:F" Fp;
    /// The same by lanes.
    VFRound "vfround" "V:V" Fp;
    /// Sums of absolute differences of four bytes of b, from 4 * (`imm` & 3) on, and those of a from
    /// `imm` & 4 on, then from one further on, in eight 16-bit lanes (MPSADBW).
    VMpSad "vmpsad" "VV:V" Pure;
    /// The smallest unsigned 16-bit lane, then its number (PHMINPOSUW).
    VMinPos "vminpos" "V:V" Pure;
    /// Compares texts a and b as immediate byte `imm` says (`eval::text`), their lengths in elements being
    /// bytes 0 and 1 of c (with `imm` & 256, up to their first zeros): IntRes2 in bits 15 to 0, the flags in
    /// their RFLAGS positions above (PCMPESTRI).
    VStrCmp "vstrcmp" "VVI:I" Pure;
    /// CRC-32C of a, the remainder so far, and the low w bits of b; 32 bits (CRC32).
    Crc32c "crc32c" "II:I" Pure;
    /// The carry-less product of the 64-bit lane `imm` & 1 of a and lane `imm` >> 4 & 1 of b (PCLMULQDQ).
    VClMul "vclmul" "VV:V" Pure;
    /// The lanes of a rotated right by `imm` bits.
    VRotr "vrotr" "V:V" Pure;
    /// Two rounds of SHA-256 from a = {c, d, g, h}, b = {a, b, e, f} and words c (SHA256RNDS2).
    VSha256Rounds "vsha256.rounds" "VVV:V" Pure;
    /// The next words of a message from their sums without sigma 1, a, and the words before, b (SHA256MSG2).
    VSha256Msg2 "vsha256.msg2" "VV:V" Pure;
    /// A round of AES encryption of state a with key b (AESENC).
    VAesEnc "vaesenc" "VV:V" Pure;
    /// The last round (AESENCLAST).
    VAesEncLast "vaesenc.last" "VV:V" Pure;
    /// A round of decryption by the equivalent inverse cipher (AESDEC).
    VAesDec "vaesdec" "VV:V" Pure;
    /// The last round (AESDECLAST).
    VAesDecLast "vaesdec.last" "VV:V" Pure;
    /// InvMixColumns (AESIMC).
    VAesImc "vaesimc" "V:V" Pure;
    /// Steps of key expansion with round constant `imm` (AESKEYGENASSIST).
    VAesKey "vaeskey" "V:V" Pure;

    /// a * b + c, rounded once. `aux` & 1 negates the product, `aux` & 2 subtracts c: FMADD 0, FNMADD 1, FMSUB 2,
    /// FNMSUB 3. Of several NaNs the result is a's, else b's, else c's; a and b are the factors in this order:
    /// operands 1 and 3 of the 132 forms, 2 and 1 of the 213 forms, 2 and 3 of the 231 forms.
    FFma "ffma" "FFF:F" Fp;
    /// The same by lanes. `aux` & 4: `aux` & 2 is turned about for even lanes, so FMADDSUB, which
    /// subtracts in even lanes and adds in odd ones, is 4, and FMSUBADD 6.
    VFFma "vffma" "VVV:V" Fp;
    /// Shifts the lanes of a left by those of b, unsigned; counts of the width and above give 0 (VPSLLVD).
    VShlV "vshlv" "VV:V" Pure;
    /// The same to the right, unsigned (VPSRLVD).
    VShrV "vshrv" "VV:V" Pure;
    /// The same, signed; counts of the width and above give copies of the sign (VPSRAVD).
    VSarV "vsarv" "VV:V" Pure;
    /// Lanes of a chosen by the low bits of b's (VPERMILPS; VPERMILPD once b is shifted right by 1).
    VLanes "vlanes" "VV:V" Pure;
    /// Lanes of the pair of a, the low half, and b, the high half, chosen by the low bits of c's (VPERMD does
    /// this twice, with either half of its index).
    VLanes2 "vlanes2" "VVV:V" Pure;
    /// Products of bytes in GF(2^8) with polynomial x^8 + x^4 + x^3 + x + 1 (GF2P8MULB).
    VGfMul "vgfmul" "VV:V" Pure;
    /// The bytes of a, or with `imm` & 256 their inverses in that field, each multiplied by the 8 * 8 bits of its
    /// half of b, plus byte `imm` (GF2P8AFFINEQB, GF2P8AFFINEINVQB).
    VGfAffine "vgfaffine" "VV:V" Pure;
}

/// `Inst::aux` of `vstore`: a misaligned address is #GP.
pub const VSTORE_ALIGNED: u16 = 1;
/// `Inst::aux` of `vstore`: another one follows, at the next 16 bytes; if that would fault, so does this one.
pub const VSTORE_FIRST: u16 = 4;
/// `Inst::aux` of `vstore`: the one that follows; it does not fault.
pub const VSTORE_SECOND: u16 = 8;

/// `Inst::imm` of a packed floating-point operation on the lower half of 256 bits: exceptions that are not
/// masked wait for the upper half's.
pub const FP_LOW_HALF: u64 = 1;
/// `Inst::imm` of the operation on the upper half, which follows.
pub const FP_HIGH_HALF: u64 = 2;

/// `Inst::aux` of `exit.if`: `imm` is an address outside the region, not a block's number.
pub const EXIT_OUT: u16 = 1;
/// `Inst::aux` of `exit.if`: leaves if the condition is 0.
pub const EXIT_UNLESS: u16 = 2;
/// `Inst::aux` of `exit.if`: the flags are wanted at the target. A delayed `set flags` is done on the way.
pub const EXIT_FLAGS: u16 = 4;

macro_rules! numbered {
    ($(#[$edoc:meta])* $enum:ident { $($(#[$doc:meta])* $name:ident $text:literal,)* }) => {
        $(#[$edoc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum $enum { $($(#[$doc])* $name,)* }

        impl $enum {
            /// All of them; the position is the number in `Inst::aux`.
            pub const ALL: &'static [$enum] = &[$($enum::$name,)*];

            /// The one with this number.
            #[must_use]
            pub fn from_aux(n: u16) -> Option<$enum> { Self::ALL.get(usize::from(n)).copied() }

            /// The name in printed IR.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $($enum::$name => $text,)* } }
        }
    };
}

numbered! {
    /// An atomic read-modify-write.
    RmwOp {
        /// old + b
        Add "add",
        /// old & b
        And "and",
        /// old | b
        Or "or",
        /// old ^ b
        Xor "xor",
        /// b
        Xchg "xchg",
        /// old - b
        Sub "sub",
        /// b - old - ... : two's complement of old; b is not read
        Neg "neg",
        /// !old; b is not read
        Not "not",
    }
}

numbered! {
    /// A fence (SDM vol. 2, LFENCE, SFENCE, MFENCE).
    FenceKind {
        /// LFENCE
        Load "load",
        /// SFENCE
        Store "store",
        /// MFENCE
        Full "full",
    }
}

numbered! {
    /// The predicates of VCMPPS (SDM vol. 2, CMPPD, table 3-1) in encoding order; the first eight are CMPPS's.
    FpPredicate {
        /// EQ_OQ: a == b, quiet
        Eq "eq",
        /// LT_OS: a < b, signaling
        Lt "lt",
        /// LE_OS: a <= b, signaling
        Le "le",
        /// UNORD_Q: unordered, quiet
        Unord "unord",
        /// NEQ_UQ: not (a == b), quiet
        Neq "neq",
        /// NLT_US: not (a < b), signaling
        Nlt "nlt",
        /// NLE_US: not (a <= b), signaling
        Nle "nle",
        /// ORD_Q: ordered, quiet
        Ord "ord",
        /// EQ_UQ: a == b or unordered, quiet
        EqOrUnord "eq.uq",
        /// NGE_US: not (a >= b), signaling
        Nge "nge",
        /// NGT_US: not (a > b), signaling
        Ngt "ngt",
        /// FALSE_OQ: never, quiet
        False "false",
        /// NEQ_OQ: a < b or a > b, quiet
        NeqOrd "neq.oq",
        /// GE_OS: a >= b, signaling
        Ge "ge",
        /// GT_OS: a > b, signaling
        Gt "gt",
        /// TRUE_UQ: always, quiet
        True "true",
        /// EQ_OS: a == b, signaling
        EqSignaling "eq.os",
        /// LT_OQ: a < b, quiet
        LtQuiet "lt.oq",
        /// LE_OQ: a <= b, quiet
        LeQuiet "le.oq",
        /// UNORD_S: unordered, signaling
        UnordSignaling "unord.s",
        /// NEQ_US: not (a == b), signaling
        NeqSignaling "neq.us",
        /// NLT_UQ: not (a < b), quiet
        NltQuiet "nlt.uq",
        /// NLE_UQ: not (a <= b), quiet
        NleQuiet "nle.uq",
        /// ORD_S: ordered, signaling
        OrdSignaling "ord.s",
        /// EQ_US: a == b or unordered, signaling
        EqOrUnordSignaling "eq.us",
        /// NGE_UQ: not (a >= b), quiet
        NgeQuiet "nge.uq",
        /// NGT_UQ: not (a > b), quiet
        NgtQuiet "ngt.uq",
        /// FALSE_OS: never, signaling
        FalseSignaling "false.os",
        /// NEQ_OS: a < b or a > b, signaling
        NeqOrdSignaling "neq.os",
        /// GE_OQ: a >= b, quiet
        GeQuiet "ge.oq",
        /// GT_OQ: a > b, quiet
        GtQuiet "gt.oq",
        /// TRUE_US: always, signaling
        TrueSignaling "true.us",
    }
}

/// What a predicate is true for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Truth {
    /// a < b
    pub less: bool,
    /// a == b
    pub equal: bool,
    /// a > b
    pub greater: bool,
    /// One is a NaN.
    pub unordered: bool,
}

impl Truth {
    /// What is true for the opposite.
    #[must_use]
    pub const fn inverse(self) -> Truth {
        Truth {
            less: !self.less,
            equal: !self.equal,
            greater: !self.greater,
            unordered: !self.unordered,
        }
    }
}

impl FpPredicate {
    /// What it is true for.
    #[must_use]
    pub const fn truth(self) -> Truth {
        // Bit 4 of the encoding turns quiet and signaling about, and nothing else.
        let (less, equal, greater, unordered) = match self as u8 & 15 {
            0 => (false, true, false, false),
            1 => (true, false, false, false),
            2 => (true, true, false, false),
            3 => (false, false, false, true),
            4 => (true, false, true, true),
            5 => (false, true, true, true),
            6 => (false, false, true, true),
            7 => (true, true, true, false),
            8 => (false, true, false, true),
            9 => (true, false, false, true),
            10 => (true, true, false, true),
            11 => (false, false, false, false),
            12 => (true, false, true, false),
            13 => (false, true, true, false),
            14 => (false, false, true, false),
            _ => (true, true, true, true),
        };
        Truth {
            less,
            equal,
            greater,
            unordered,
        }
    }

    /// Whether a quiet NaN is an invalid operation.
    #[must_use]
    pub const fn signaling(self) -> bool {
        (self as u8 & 3 == 1 || self as u8 & 3 == 2) != (self as u8 & 16 != 0)
    }
}

numbered! {
    /// Vector conversions.
    CvtKind {
        /// CVTDQ2PS: four i32 to four f32
        I32F32 "i32.f32",
        /// CVTPS2DQ: four f32 to four i32, as MXCSR rounds
        F32I32 "f32.i32",
        /// CVTTPS2DQ: the same, truncating
        F32I32Trunc "f32.i32.trunc",
        /// CVTDQ2PD: low two i32 to two f64
        I32F64 "i32.f64",
        /// CVTPD2DQ: two f64 to two i32, upper half zero
        F64I32 "f64.i32",
        /// CVTTPD2DQ: the same, truncating
        F64I32Trunc "f64.i32.trunc",
        /// CVTPS2PD: low two f32 to two f64
        F32F64 "f32.f64",
        /// CVTPD2PS: two f64 to two f32, upper half zero
        F64F32 "f64.f32",
        /// VCVTPH2PS: low four f16 to four f32
        F16F32 "f16.f32",
        /// VCVTPS2PH: four f32 to four f16, upper half zero, as MXCSR rounds
        F32F16 "f32.f16",
        /// The same, to nearest
        F32F16Nearest "f32.f16.nearest",
        /// The same, down
        F32F16Down "f32.f16.down",
        /// The same, up
        F32F16Up "f32.f16.up",
        /// The same, truncating
        F32F16Trunc "f32.f16.trunc",
    }
}

impl CvtKind {
    /// VCVTPS2PH with immediate byte `imm`.
    #[must_use]
    pub const fn to_half(imm: u64) -> CvtKind {
        match imm & 7 {
            0 => CvtKind::F32F16Nearest,
            1 => CvtKind::F32F16Down,
            2 => CvtKind::F32F16Up,
            3 => CvtKind::F32F16Trunc,
            _ => CvtKind::F32F16,
        }
    }
}

/// What a helper touches, so that engines know what to write back and reload around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HelperInfo {
    /// Reads or writes general-purpose registers, flags or RIP in the register file.
    pub gprs: bool,
    /// Reads or writes vector registers or MXCSR.
    pub vectors: bool,
    /// Never faults.
    pub infallible: bool,
}

macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident $text:literal $gprs:literal $vectors:literal $infallible:literal;)*) => {
        numbered! {
            /// An out-of-line operation on the whole register file, defined in `crate::helper`.
            Helper { $($(#[$doc])* $name $text,)* }
        }

        impl Helper {
            /// What it touches.
            #[must_use]
            pub const fn info(self) -> HelperInfo {
                match self {
                    $(Helper::$name => HelperInfo {
                        gprs: $gprs, vectors: $vectors, infallible: $infallible,
                    },)*
                }
            }
        }
    };
}

helpers! {
    /// CPUID: from EAX and ECX into EAX, EBX, ECX, EDX.
    Cpuid "cpuid" true false true;
    /// The time-stamp counter.
    Rdtsc "rdtsc" false false true;
    /// The processor number RDTSCP gives in ECX (IA32_TSC_AUX).
    TscAux "tsc.aux" false false true;
    /// CMPXCHG16B at address a; `b` is 1 with LOCK. Sets RAX, RDX; gives ZF.
    Cmpxchg16b "cmpxchg16b" true false false;
    /// FXSAVE (FXSAVE64 if b is 1) to address a.
    Fxsave "fxsave" false true false;
    /// FXRSTOR from address a; b as above.
    Fxrstor "fxrstor" false true false;
    /// XSAVE (b & 3 = 0), XSAVEOPT (1) or XSAVEC (2) of components c to address a; b & 4: the form with
    /// REX.W.
    Xsave "xsave" false true false;
    /// XRSTOR of components c from address a; b as above.
    Xrstor "xrstor" false true false;
    /// XGETBV of register number a; #GP for one that is not there.
    Xgetbv "xgetbv" false true false;
    /// LDMXCSR of the value a; #GP for reserved bits.
    Ldmxcsr "ldmxcsr" false true false;
    /// The value STMXCSR stores.
    Stmxcsr "stmxcsr" false true true;
    /// MASKMOVDQU, MASKMOVQ: stores register b's bytes where register c's byte is negative, at address a.
    /// XMM registers are numbered from 0, MMX registers from 16.
    Maskmovdqu "maskmovdqu" false true false;
    /// A masked move of vector elements at address a in the segment with base c; b says which
    /// (`x86::vsib::Masked`).
    MaskMov "maskmov" false true false;
    /// A gather with base address a and segment base c; b says which (`x86::vsib::Gather`).
    Gather "gather" false true false;
    /// x87 control: FNINIT.
    Fninit "fninit" false false true;
    /// x87 control: the control word.
    Fnstcw "fnstcw" false false true;
    /// x87 control: sets the control word to a; #MF if an unmasked exception is pending.
    Fldcw "fldcw" false false false;
    /// x87 control: the status word.
    Fnstsw "fnstsw" false false true;
    /// x87 control: FNCLEX.
    Fnclex "fnclex" false false true;
    /// x87 control: #MF if an unmasked exception is pending (WAIT).
    Fwait "fwait" false false false;
    /// x87 control: FNSTENV to address a; the 14-byte form if b is 1. Masks all exceptions.
    Fnstenv "fnstenv" false false false;
    /// x87 control: FLDENV from address a; b as above.
    Fldenv "fldenv" false false false;
    /// x87 control: FNSAVE to address a; the 94-byte form if b is 1. Initialises the unit.
    Fnsave "fnsave" false false false;
    /// x87 control: FRSTOR from address a; b as above.
    Frstor "frstor" false false false;
    /// The x87 instruction that word a describes (`x86::x87op`) with memory operand at address b and
    /// value c. Gives FCOMI's flags.
    X87 "x87" false false false;
    /// 64 random bits.
    Random "random" false false true;
    /// What `x86::segment::query` number b says about selector a; bit 32 is set if it says something.
    Segment "segment" false false true;
}

/// A signature, read once.
struct Types {
    args: [Ty; 4],
    count: usize,
    /// The first that is no vector; 0 if all are.
    scalar: usize,
    result: Ty,
}

const fn ty_of(c: u8) -> Ty {
    match c {
        b'I' => Ty::I64,
        b'F' | b'G' => Ty::F,
        b'V' => Ty::V128,
        b'L' => Ty::Flags,
        _ => Ty::None,
    }
}

const fn types_of(op: Op) -> Types {
    let sig = op.signature().as_bytes();
    let mut types = Types {
        args: [Ty::None; 4],
        count: 0,
        scalar: 0,
        result: ty_of(sig[sig.len() - 1]),
    };
    while sig[types.count] != b':' {
        types.args[types.count] = ty_of(sig[types.count]);
        types.count += 1;
    }
    let mut n = types.count;
    while n > 0 {
        n -= 1;
        if !matches!(types.args[n], Ty::V128) {
            types.scalar = n;
        }
    }
    types
}

/// By operation number.
static TYPES: [Types; Op::ALL.len()] = {
    let mut table = [const { types_of(Op::Insn) }; Op::ALL.len()];
    let mut i = 0;
    while i < table.len() {
        table[i] = types_of(Op::ALL[i]);
        i += 1;
    }
    table
};

impl Op {
    /// The types of the arguments; `Get`, `Set` and `Call` depend on the instruction, see `verify`.
    pub fn arg_types(self) -> impl Iterator<Item = Ty> {
        let types = &TYPES[self as usize];
        types.args[..types.count].iter().copied()
    }

    /// Which argument of an operation on vectors is an integer or a float; 0 if none is.
    #[must_use]
    #[inline]
    pub fn scalar_arg(self) -> usize {
        TYPES[self as usize].scalar
    }

    /// The type of the result; `Get` depends on the variable.
    #[must_use]
    #[inline]
    pub fn result(self) -> Ty {
        TYPES[self as usize].result
    }

    /// True if the guest can fault here, or leave the region: its registers must be exact.
    #[must_use]
    #[inline]
    pub const fn observes(self) -> bool {
        matches!(
            self.effect(),
            Effect::Load | Effect::Store | Effect::Check | Effect::Fp | Effect::All
        )
    }

    /// The operation with this printed name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Op> {
        Op::ALL.iter().copied().find(|o| o.name() == name)
    }
}

impl super::Inst {
    /// The type of the instruction's value.
    #[must_use]
    pub fn ty(&self) -> Ty {
        match self.op {
            Op::Get => self.var().map_or(Ty::None, super::Var::ty),
            op => op.result(),
        }
    }

    /// For a float value: its width.
    #[must_use]
    pub fn float_width(&self) -> Width {
        self.w
    }
}
