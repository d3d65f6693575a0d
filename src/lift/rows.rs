//! The rows themselves: which mnemonic is lifted by which function.

use super::table::rows;
use super::{arith, control, data};

rows! {
    DataTransfer {
        Mov => data::mov, "Move";
    }
    BinaryArithmetic {
        Add => arith::add, "Add";
    }
    ControlTransfer {
        Ja | Jae | Jb | Jbe | Je | Jne | Jl | Jle | Jg | Jge | Jo | Jno | Js | Jns | Jp | Jnp => control::jcc, "Jump if condition is met";
    }
}
