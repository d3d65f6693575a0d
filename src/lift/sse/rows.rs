//! The rows of SSE to SSE4.2, AES, SHA and x87 control.

use super::{
    arith, blend, cacheability, compare, convert, crypto, data, horizontal, int_arith, int_shift,
    logical, mmx, round, sha, shuffle, state, text, x87_control,
};
use crate::lift::table::rows;

rows! {
    Mmx {
        Emms => mmx::emms, "Empty MMX state";
    }
    Sse {
        Pshufw => shuffle::pshuflw, "Shuffle packed words";
        Movntq => mmx::movntq, "Store quadword, non-temporal";
        Maskmovq => cacheability::maskmovdqu, "Store selected bytes";
        Cvtpi2ps => convert::cvtpi2ps, "Convert packed doublewords to single-precision";
        Cvtps2pi => convert::cvtps2pi, "Convert packed single-precision to doublewords";
        Cvttps2pi => convert::cvttps2pi, "Convert packed single-precision to doublewords, truncating";
        Movaps => data::mov_aligned, "Move aligned packed single-precision";
        Movups => data::mov_unaligned, "Move unaligned packed single-precision";
        Movss => data::movss, "Move scalar single-precision";
        Movlps => data::mov_low, "Move low packed single-precision";
        Movhps => data::mov_high, "Move high packed single-precision";
        Movhlps => data::movhlps, "Move packed single-precision high to low";
        Movlhps => data::movlhps, "Move packed single-precision low to high";
        Movmskps => data::movmskps, "Extract packed single-precision sign mask";
        Addps => arith::addps, "Add packed single-precision";
        Addss => arith::addss, "Add scalar single-precision";
        Subps => arith::subps, "Subtract packed single-precision";
        Subss => arith::subss, "Subtract scalar single-precision";
        Mulps => arith::mulps, "Multiply packed single-precision";
        Mulss => arith::mulss, "Multiply scalar single-precision";
        Divps => arith::divps, "Divide packed single-precision";
        Divss => arith::divss, "Divide scalar single-precision";
        Minps => arith::minps, "Minimum of packed single-precision";
        Minss => arith::minss, "Minimum of scalar single-precision";
        Maxps => arith::maxps, "Maximum of packed single-precision";
        Maxss => arith::maxss, "Maximum of scalar single-precision";
        Sqrtps => arith::sqrtps, "Square root of packed single-precision";
        Sqrtss => arith::sqrtss, "Square root of scalar single-precision";
        Rcpps => arith::rcpps, "Approximate reciprocal of packed single-precision";
        Rcpss => arith::rcpss, "Approximate reciprocal of scalar single-precision";
        Rsqrtps => arith::rsqrtps, "Approximate reciprocal square root of packed single-precision";
        Rsqrtss => arith::rsqrtss, "Approximate reciprocal square root of scalar single-precision";
        Cmpps => compare::cmpps, "Compare packed single-precision";
        Cmpss => compare::cmpss, "Compare scalar single-precision";
        Comiss => compare::comiss, "Ordered compare of scalar single-precision, set EFLAGS";
        Ucomiss => compare::ucomiss, "Unordered compare of scalar single-precision, set EFLAGS";
        Andps => logical::and, "And of packed single-precision";
        Andnps => logical::andn, "And not of packed single-precision";
        Orps => logical::or, "Or of packed single-precision";
        Xorps => logical::xor, "Exclusive or of packed single-precision";
        Shufps => shuffle::shufps, "Shuffle packed single-precision";
        Unpcklps => shuffle::unpack_low32, "Unpack and interleave low packed single-precision";
        Unpckhps => shuffle::unpack_high32, "Unpack and interleave high packed single-precision";
        Cvtsi2ss => convert::cvtsi2ss, "Convert integer to scalar single-precision";
        Cvtss2si => convert::cvtss2si, "Convert scalar single-precision to integer";
        Cvttss2si => convert::cvttss2si, "Convert scalar single-precision to integer, truncating";
        Pavgb => int_arith::pavgb, "Average of packed unsigned bytes";
        Pavgw => int_arith::pavgw, "Average of packed unsigned words";
        Pextrw => data::pextrw, "Extract word";
        Pinsrw => data::pinsrw, "Insert word";
        Pmaxub => int_arith::pmaxub, "Maximum of packed unsigned bytes";
        Pmaxsw => int_arith::pmaxsw, "Maximum of packed signed words";
        Pminub => int_arith::pminub, "Minimum of packed unsigned bytes";
        Pminsw => int_arith::pminsw, "Minimum of packed signed words";
        Pmovmskb => data::pmovmskb, "Move byte mask";
        Pmulhuw => int_arith::pmulhuw, "Multiply packed unsigned words, high results";
        Psadbw => int_arith::psadbw, "Sum of absolute differences";
        Ldmxcsr => state::ldmxcsr, "Load MXCSR";
        Stmxcsr => state::stmxcsr, "Store MXCSR";
        Fxsave => state::fxsave, "Save x87, MMX, SSE state";
        Fxsave64 => state::fxsave64, "Save x87, MMX, SSE state with 64-bit pointers";
        Fxrstor => state::fxrstor, "Restore x87, MMX, SSE state";
        Fxrstor64 => state::fxrstor64, "Restore x87, MMX, SSE state with 64-bit pointers";
        Movntps => data::mov_aligned, "Store packed single-precision, non-temporal";
        Prefetchnta | Prefetcht0 | Prefetcht1 | Prefetcht2 | Prefetchw | Prefetch => cacheability::prefetch, "Prefetch into caches";
        Sfence => cacheability::sfence, "Order stores";
    }
    Sse2 {
        Movdq2q => mmx::move_low, "Move quadword from XMM to MMX register";
        Movq2dq => mmx::move_low, "Move quadword from MMX to XMM register";
        Cvtpi2pd => convert::cvtdq2pd, "Convert packed doublewords to double-precision";
        Cvtpd2pi => convert::cvtpd2pi, "Convert packed double-precision to doublewords";
        Cvttpd2pi => convert::cvttpd2pi, "Convert packed double-precision to doublewords, truncating";
        Movapd => data::mov_aligned, "Move aligned packed double-precision";
        Movupd => data::mov_unaligned, "Move unaligned packed double-precision";
        Movsd => data::movsd, "Move scalar double-precision; also move string";
        Movlpd => data::mov_low, "Move low packed double-precision";
        Movhpd => data::mov_high, "Move high packed double-precision";
        Movmskpd => data::movmskpd, "Extract packed double-precision sign mask";
        Movdqa => data::mov_aligned, "Move aligned double quadword";
        Movdqu => data::mov_unaligned, "Move unaligned double quadword";
        Movd => data::movd, "Move doubleword";
        Movq => data::movq, "Move quadword";
        Addpd => arith::addpd, "Add packed double-precision";
        Addsd => arith::addsd, "Add scalar double-precision";
        Subpd => arith::subpd, "Subtract packed double-precision";
        Subsd => arith::subsd, "Subtract scalar double-precision";
        Mulpd => arith::mulpd, "Multiply packed double-precision";
        Mulsd => arith::mulsd, "Multiply scalar double-precision";
        Divpd => arith::divpd, "Divide packed double-precision";
        Divsd => arith::divsd, "Divide scalar double-precision";
        Minpd => arith::minpd, "Minimum of packed double-precision";
        Minsd => arith::minsd, "Minimum of scalar double-precision";
        Maxpd => arith::maxpd, "Maximum of packed double-precision";
        Maxsd => arith::maxsd, "Maximum of scalar double-precision";
        Sqrtpd => arith::sqrtpd, "Square root of packed double-precision";
        Sqrtsd => arith::sqrtsd, "Square root of scalar double-precision";
        Cmppd => compare::cmppd, "Compare packed double-precision";
        Cmpsd => compare::cmpsd, "Compare scalar double-precision; also compare string";
        Comisd => compare::comisd, "Ordered compare of scalar double-precision, set EFLAGS";
        Ucomisd => compare::ucomisd, "Unordered compare of scalar double-precision, set EFLAGS";
        Andpd | Pand => logical::and, "And";
        Andnpd | Pandn => logical::andn, "And not";
        Orpd | Por => logical::or, "Or";
        Xorpd | Pxor => logical::xor, "Exclusive or";
        Shufpd => shuffle::shufpd, "Shuffle packed double-precision";
        Unpcklpd => shuffle::unpack_low64, "Unpack and interleave low packed double-precision";
        Unpckhpd => shuffle::unpack_high64, "Unpack and interleave high packed double-precision";
        Cvtpd2ps => convert::cvtpd2ps, "Convert packed double- to single-precision";
        Cvtps2pd => convert::cvtps2pd, "Convert packed single- to double-precision";
        Cvtpd2dq => convert::cvtpd2dq, "Convert packed double-precision to doublewords";
        Cvttpd2dq => convert::cvttpd2dq, "Convert packed double-precision to doublewords, truncating";
        Cvtdq2pd => convert::cvtdq2pd, "Convert packed doublewords to double-precision";
        Cvtdq2ps => convert::cvtdq2ps, "Convert packed doublewords to single-precision";
        Cvtps2dq => convert::cvtps2dq, "Convert packed single-precision to doublewords";
        Cvttps2dq => convert::cvttps2dq, "Convert packed single-precision to doublewords, truncating";
        Cvtss2sd => convert::cvtss2sd, "Convert scalar single- to double-precision";
        Cvtsd2ss => convert::cvtsd2ss, "Convert scalar double- to single-precision";
        Cvtsi2sd => convert::cvtsi2sd, "Convert integer to scalar double-precision";
        Cvtsd2si => convert::cvtsd2si, "Convert scalar double-precision to integer";
        Cvttsd2si => convert::cvttsd2si, "Convert scalar double-precision to integer, truncating";
        Paddb => int_arith::paddb, "Add packed bytes";
        Paddw => int_arith::paddw, "Add packed words";
        Paddd => int_arith::paddd, "Add packed doublewords";
        Paddq => int_arith::paddq, "Add packed quadwords";
        Paddsb => int_arith::paddsb, "Add packed signed bytes with saturation";
        Paddsw => int_arith::paddsw, "Add packed signed words with saturation";
        Paddusb => int_arith::paddusb, "Add packed unsigned bytes with saturation";
        Paddusw => int_arith::paddusw, "Add packed unsigned words with saturation";
        Psubb => int_arith::psubb, "Subtract packed bytes";
        Psubw => int_arith::psubw, "Subtract packed words";
        Psubd => int_arith::psubd, "Subtract packed doublewords";
        Psubq => int_arith::psubq, "Subtract packed quadwords";
        Psubsb => int_arith::psubsb, "Subtract packed signed bytes with saturation";
        Psubsw => int_arith::psubsw, "Subtract packed signed words with saturation";
        Psubusb => int_arith::psubusb, "Subtract packed unsigned bytes with saturation";
        Psubusw => int_arith::psubusw, "Subtract packed unsigned words with saturation";
        Pmullw => int_arith::pmullw, "Multiply packed signed words, low results";
        Pmulhw => int_arith::pmulhw, "Multiply packed signed words, high results";
        Pmuludq => int_arith::pmuludq, "Multiply packed unsigned doublewords";
        Pmaddwd => int_arith::pmaddwd, "Multiply and add packed words";
        Pcmpeqb => int_arith::pcmpeqb, "Compare packed bytes for equality";
        Pcmpeqw => int_arith::pcmpeqw, "Compare packed words for equality";
        Pcmpeqd => int_arith::pcmpeqd, "Compare packed doublewords for equality";
        Pcmpgtb => int_arith::pcmpgtb, "Compare packed signed bytes for greater than";
        Pcmpgtw => int_arith::pcmpgtw, "Compare packed signed words for greater than";
        Pcmpgtd => int_arith::pcmpgtd, "Compare packed signed doublewords for greater than";
        Packsswb => int_arith::packsswb, "Pack words into bytes with signed saturation";
        Packssdw => int_arith::packssdw, "Pack doublewords into words with signed saturation";
        Packuswb => int_arith::packuswb, "Pack words into bytes with unsigned saturation";
        Punpcklbw => shuffle::unpack_low8, "Unpack low bytes";
        Punpcklwd => shuffle::unpack_low16, "Unpack low words";
        Punpckldq => shuffle::unpack_low32, "Unpack low doublewords";
        Punpcklqdq => shuffle::unpack_low64, "Unpack low quadwords";
        Punpckhbw => shuffle::unpack_high8, "Unpack high bytes";
        Punpckhwd => shuffle::unpack_high16, "Unpack high words";
        Punpckhdq => shuffle::unpack_high32, "Unpack high doublewords";
        Punpckhqdq => shuffle::unpack_high64, "Unpack high quadwords";
        Pshufd => shuffle::pshufd, "Shuffle packed doublewords";
        Pshuflw => shuffle::pshuflw, "Shuffle packed low words";
        Pshufhw => shuffle::pshufhw, "Shuffle packed high words";
        Pslldq => shuffle::pslldq, "Shift double quadword left";
        Psrldq => shuffle::psrldq, "Shift double quadword right";
        Psllw => int_shift::psllw, "Shift packed words left";
        Pslld => int_shift::pslld, "Shift packed doublewords left";
        Psllq => int_shift::psllq, "Shift packed quadwords left";
        Psrlw => int_shift::psrlw, "Shift packed words right";
        Psrld => int_shift::psrld, "Shift packed doublewords right";
        Psrlq => int_shift::psrlq, "Shift packed quadwords right";
        Psraw => int_shift::psraw, "Shift packed words right, arithmetic";
        Psrad => int_shift::psrad, "Shift packed doublewords right, arithmetic";
        Maskmovdqu => cacheability::maskmovdqu, "Store selected bytes";
        Movntpd => data::mov_aligned, "Store packed double-precision, non-temporal";
        Movntdq => data::mov_aligned, "Store double quadword, non-temporal";
        Movnti => cacheability::movnti, "Store doubleword or quadword, non-temporal";
        Clflush | Clflushopt => cacheability::clflush, "Flush cache line";
        Clwb => cacheability::clflush, "Write back cache line";
        Lfence => cacheability::lfence, "Order loads";
        Mfence => cacheability::mfence, "Order loads and stores";
    }
    Sse3 {
        Addsubps => horizontal::addsubps, "Add odd, subtract even packed single-precision";
        Addsubpd => horizontal::addsubpd, "Add high, subtract low packed double-precision";
        Haddps => horizontal::haddps, "Add neighbouring packed single-precision";
        Haddpd => horizontal::haddpd, "Add neighbouring packed double-precision";
        Hsubps => horizontal::hsubps, "Subtract neighbouring packed single-precision";
        Hsubpd => horizontal::hsubpd, "Subtract neighbouring packed double-precision";
        Lddqu => data::mov_unaligned, "Load unaligned double quadword";
        Movsldup => shuffle::movsldup, "Duplicate even packed single-precision";
        Movshdup => shuffle::movshdup, "Duplicate odd packed single-precision";
        Movddup => shuffle::movddup, "Duplicate low double-precision";
    }
    Ssse3 {
        Phaddw => horizontal::phaddw, "Add neighbouring words";
        Phaddd => horizontal::phaddd, "Add neighbouring doublewords";
        Phaddsw => horizontal::phaddsw, "Add neighbouring words with signed saturation";
        Phsubw => horizontal::phsubw, "Subtract neighbouring words";
        Phsubd => horizontal::phsubd, "Subtract neighbouring doublewords";
        Phsubsw => horizontal::phsubsw, "Subtract neighbouring words with signed saturation";
        Pabsb => int_arith::pabsb, "Absolute value of packed bytes";
        Pabsw => int_arith::pabsw, "Absolute value of packed words";
        Pabsd => int_arith::pabsd, "Absolute value of packed doublewords";
        Pmaddubsw => int_arith::pmaddubsw, "Multiply and add packed unsigned and signed bytes";
        Pmulhrsw => int_arith::pmulhrsw, "Multiply packed words, high results rounded";
        Pshufb => shuffle::pshufb, "Shuffle packed bytes";
        Psignb => int_arith::psignb, "Negate packed bytes by signs";
        Psignw => int_arith::psignw, "Negate packed words by signs";
        Psignd => int_arith::psignd, "Negate packed doublewords by signs";
        Palignr => shuffle::palignr, "Align bytes of two operands";
    }
    Sse41 {
        Pmovsxbw => blend::pmovsxbw, "Sign-extend bytes to words";
        Pmovsxbd => blend::pmovsxbd, "Sign-extend bytes to doublewords";
        Pmovsxbq => blend::pmovsxbq, "Sign-extend bytes to quadwords";
        Pmovsxwd => blend::pmovsxwd, "Sign-extend words to doublewords";
        Pmovsxwq => blend::pmovsxwq, "Sign-extend words to quadwords";
        Pmovsxdq => blend::pmovsxdq, "Sign-extend doublewords to quadwords";
        Pmovzxbw => blend::pmovzxbw, "Zero-extend bytes to words";
        Pmovzxbd => blend::pmovzxbd, "Zero-extend bytes to doublewords";
        Pmovzxbq => blend::pmovzxbq, "Zero-extend bytes to quadwords";
        Pmovzxwd => blend::pmovzxwd, "Zero-extend words to doublewords";
        Pmovzxwq => blend::pmovzxwq, "Zero-extend words to quadwords";
        Pmovzxdq => blend::pmovzxdq, "Zero-extend doublewords to quadwords";
        Blendps => blend::blendps, "Blend packed single-precision by an immediate";
        Blendpd => blend::blendpd, "Blend packed double-precision by an immediate";
        Pblendw => blend::pblendw, "Blend packed words by an immediate";
        Blendvps => blend::blendvps, "Blend packed single-precision by signs";
        Blendvpd => blend::blendvpd, "Blend packed double-precision by signs";
        Pblendvb => blend::pblendvb, "Blend packed bytes by signs";
        Ptest => blend::ptest, "Logical compare";
        Pextrb => blend::pextrb, "Extract byte";
        Pextrd => blend::pextrd, "Extract doubleword";
        Pextrq => blend::pextrq, "Extract quadword";
        Extractps => blend::pextrd, "Extract single-precision";
        Pinsrb => blend::pinsrb, "Insert byte";
        Pinsrd => blend::pinsrd, "Insert doubleword";
        Pinsrq => blend::pinsrq, "Insert quadword";
        Insertps => blend::insertps, "Insert single-precision, and clear others";
        Pminsb => int_arith::pminsb, "Minimum of packed signed bytes";
        Pminsd => int_arith::pminsd, "Minimum of packed signed doublewords";
        Pminuw => int_arith::pminuw, "Minimum of packed unsigned words";
        Pminud => int_arith::pminud, "Minimum of packed unsigned doublewords";
        Pmaxsb => int_arith::pmaxsb, "Maximum of packed signed bytes";
        Pmaxsd => int_arith::pmaxsd, "Maximum of packed signed doublewords";
        Pmaxuw => int_arith::pmaxuw, "Maximum of packed unsigned words";
        Pmaxud => int_arith::pmaxud, "Maximum of packed unsigned doublewords";
        Pmulld => int_arith::pmulld, "Multiply packed doublewords, low results";
        Pmuldq => int_arith::pmuldq, "Multiply packed signed doublewords";
        Packusdw => int_arith::packusdw, "Pack doublewords into words with unsigned saturation";
        Pcmpeqq => int_arith::pcmpeqq, "Compare packed quadwords for equality";
        Mpsadbw => int_arith::mpsadbw, "Multiple sums of absolute differences";
        Phminposuw => int_arith::phminposuw, "Minimum of packed unsigned words, and where it is";
        Roundps => round::roundps, "Round packed single-precision to integers";
        Roundpd => round::roundpd, "Round packed double-precision to integers";
        Roundss => round::roundss, "Round scalar single-precision to integers";
        Roundsd => round::roundsd, "Round scalar double-precision to integers";
        Dpps => round::dpps, "Dot product of packed single-precision";
        Dppd => round::dppd, "Dot product of packed double-precision";
        Movntdqa => data::mov_aligned, "Load double quadword, non-temporal";
    }
    Sse42 {
        Pcmpestri | Pcmpestri64 => text::pcmpestri, "Compare texts of given lengths, give an index";
        Pcmpestrm | Pcmpestrm64 => text::pcmpestrm, "Compare texts of given lengths, give a mask";
        Pcmpistri => text::pcmpistri, "Compare texts that end in zeros, give an index";
        Pcmpistrm => text::pcmpistrm, "Compare texts that end in zeros, give a mask";
        Pcmpgtq => int_arith::pcmpgtq, "Compare packed signed quadwords for greater than";
    }
    Aes {
        Aesenc => crypto::aesenc, "Round of AES encryption";
        Aesenclast => crypto::aesenclast, "Last round of AES encryption";
        Aesdec => crypto::aesdec, "Round of AES decryption";
        Aesdeclast => crypto::aesdeclast, "Last round of AES decryption";
        Aesimc => crypto::aesimc, "AES inverse of MixColumns";
        Aeskeygenassist => crypto::aeskeygenassist, "Part of AES key expansion";
        Pclmulqdq => crypto::pclmulqdq, "Carry-less multiply quadwords";
    }
    Sha {
        Sha1rnds4 => sha::sha1rnds4, "Four rounds of SHA-1";
        Sha1nexte => sha::sha1nexte, "SHA-1: E after four rounds";
        Sha1msg1 => sha::sha1msg1, "SHA-1: message schedule, first part";
        Sha1msg2 => sha::sha1msg2, "SHA-1: message schedule, second part";
        Sha256rnds2 => sha::sha256rnds2, "Two rounds of SHA-256";
        Sha256msg1 => sha::sha256msg1, "SHA-256: message schedule, first part";
        Sha256msg2 => sha::sha256msg2, "SHA-256: message schedule, second part";
    }
    Gfni {
        Gf2p8mulb => crypto::gf2p8mulb, "Multiply bytes in GF(2^8)";
        Gf2p8affineqb => crypto::gf2p8affineqb, "Affine transformation of bytes in GF(2^8)";
        Gf2p8affineinvqb => crypto::gf2p8affineinvqb, "Affine transformation of inverse bytes in GF(2^8)";
    }
    Xsave {
        Xsave | Xsave64 => state::xsave, "Save state components";
        Xsaveopt | Xsaveopt64 => state::xsaveopt, "Save state components that are in use";
        Xsavec | Xsavec64 => state::xsavec, "Save state components, compacted";
        Xrstor | Xrstor64 => state::xrstor, "Restore state components";
        Xgetbv => state::xgetbv, "Get extended control register";
    }
    X87 {
        Fninit => x87_control::fninit, "Initialise the x87 unit";
        Fnclex => x87_control::fnclex, "Clear x87 exceptions";
        Wait => x87_control::wait, "Check for pending x87 exceptions";
        Fnstcw => x87_control::fnstcw, "Store x87 control word";
        Fldcw => x87_control::fldcw, "Load x87 control word";
        Fnstsw => x87_control::fnstsw, "Store x87 status word";
        Fnstenv => x87_control::fnstenv, "Store x87 environment";
        Fldenv => x87_control::fldenv, "Load x87 environment";
    }
}
