//! The rows themselves: which mnemonic is lifted by which function.

use super::table::rows;
use super::{arith, bits, bmi, control, data, segment, shift, stack, string, system};

rows! {
    DataTransfer {
        Mov => data::mov, "Move";
        Movzx => data::movzx, "Move with zero extension";
        Movsx | Movsxd => data::movsx, "Move with sign extension";
        Cmova | Cmovae | Cmovb | Cmovbe | Cmove | Cmovg | Cmovge | Cmovl | Cmovle | Cmovne | Cmovno | Cmovnp | Cmovns | Cmovo | Cmovp | Cmovs
            => data::cmov, "Move if condition is met";
        Xchg => data::xchg, "Exchange, atomic with memory";
        Bswap => data::bswap, "Byte swap";
        Movbe => data::movbe, "Move after swapping bytes";
        Xadd => data::xadd, "Exchange and add";
        Cmpxchg => data::cmpxchg, "Compare and exchange";
        Cmpxchg8b => data::cmpxchg8b, "Compare and exchange 8 bytes";
        Cmpxchg16b => data::cmpxchg16b, "Compare and exchange 16 bytes";
        Push => stack::push, "Push onto stack";
        Pop => stack::pop, "Pop off of stack";
        Cbw | Cwde | Cdqe => data::cbw, "Sign-extend the accumulator";
        Lfs | Lgs | Lss => segment::load_far_pointer, "Load far pointer";
        Cwd | Cdq | Cqo => data::cwd, "Sign-extend the accumulator into RDX";
    }
    BinaryArithmetic {
        Add | Sub => arith::add_sub, "Add and subtract";
        Adc | Sbb => arith::adc_sbb, "Add with carry and subtract with borrow";
        Adcx | Adox => arith::adcx, "Add with carry in CF, or in OF, alone";
        Imul => arith::imul, "Signed multiply";
        Mul => arith::mul, "Unsigned multiply";
        Idiv => arith::idiv, "Signed divide";
        Div => arith::div, "Unsigned divide";
        Inc | Dec => arith::inc_dec, "Increment and decrement";
        Neg => arith::neg, "Negate";
        Cmp => arith::cmp, "Compare";
    }
    Logical {
        And | Or | Xor => arith::logic, "Bitwise logical operations";
        Not => arith::not, "Bitwise NOT";
    }
    ShiftRotate {
        Shl | Sal | Shr | Sar => shift::shift, "Shift";
        Rol | Ror => shift::rotate, "Rotate";
        Rcl | Rcr => shift::rotate_carry, "Rotate through carry";
        Shld | Shrd => shift::double, "Double precision shift";
    }
    BitByte {
        Bt | Bts | Btr | Btc => bits::bit_test, "Bit test, and set, reset or complement";
        Bsf | Bsr => bits::bit_scan, "Bit scan";
        Seta | Setae | Setb | Setbe | Sete | Setg | Setge | Setl | Setle | Setne | Setno | Setnp | Setns | Seto | Setp | Sets
            => data::setcc, "Set byte if condition is met";
        Test => arith::test, "Logical compare";
        Popcnt => bmi::popcnt, "Count the ones";
        Crc32 => bmi::crc32, "Accumulate CRC-32C";
    }
    Bmi {
        Lzcnt | Tzcnt => bmi::count_zeros, "Count leading and trailing zeros";
        Andn => bmi::andn, "And not";
        Bextr => bmi::bextr, "Bit field extract";
        Blsi => bmi::lowest, "Extract lowest one";
        Blsmsk => bmi::lowest, "Mask up to lowest one";
        Blsr => bmi::lowest, "Reset lowest one";
        Bzhi => bmi::bzhi, "Zero high bits from a position on";
        Mulx => bmi::mulx, "Unsigned multiply without flags";
        Pdep => bmi::deposit_extract, "Deposit bits where a mask has ones";
        Pext => bmi::deposit_extract, "Extract bits where a mask has ones";
        Rorx => bmi::rorx, "Rotate right without flags";
        Sarx | Shlx | Shrx => bmi::shift, "Shift without flags";
    }
    ControlTransfer {
        Jmp => control::jmp, "Jump";
        Ja | Jae | Jb | Jbe | Je | Jg | Jge | Jl | Jle | Jne | Jno | Jnp | Jns | Jo | Jp | Js
            => control::jcc, "Jump if condition is met";
        Jrcxz | Jecxz => control::jrcxz, "Jump if RCX is zero";
        Loop | Loope | Loopne => control::loop_, "Loop with RCX counter";
        Call => control::call, "Call procedure";
        Ret => control::ret, "Return";
        Int3 | Int1 => control::breakpoint, "Breakpoint and debug trap";
        Int => control::int, "Software interrupt: breakpoint, overflow, else #GP";
        Retf => segment::retf, "Far return";
        Iret | Iretd | Iretq => segment::iret, "Return from interrupt";
        Enter => stack::enter, "High-level procedure entry";
        Leave => stack::leave, "High-level procedure exit";
        Syscall => control::syscall, "Fast system call";
    }
    String {
        Movsb | Movsw | Movsq => string::string, "Move string";
        Cmpsb | Cmpsw | Cmpsq => string::string, "Compare string";
        Scasb | Scasw | Scasd | Scasq => string::string, "Scan string";
        Lodsb | Lodsw | Lodsd | Lodsq => string::string, "Load string";
        Stosb | Stosw | Stosd | Stosq => string::string, "Store string";
    }
    Flag {
        Stc | Clc | Cmc => system::carry, "Set, clear and complement carry";
        Cld | Std => system::direction, "Clear and set direction";
        Lahf => system::lahf, "Load flags into AH";
        Sahf => system::sahf, "Store AH into flags";
        Pushf | Pushfq => stack::pushf, "Push flags";
        Popf | Popfq => stack::popf, "Pop flags";
    }
    Miscellaneous {
        Lea => data::lea, "Load effective address";
        Nop | Reservednop => data::nop, "No operation";
        Endbr32 | Endbr64 => data::nop, "Indirect branch target marker";
        Prefetchit0 | Prefetchit1 | Cldemote | Rdsspd | Rdsspq => data::nop, "Hints on CPUs that do not know them";
        Pause => data::nop, "Spin loop hint";
        Ud0 | Ud1 | Ud2 => data::ud, "Undefined instruction";
        Incsspd | Incsspq | Rstorssp | Saveprevssp | Setssbsy | Clrssbsy | Wrssd | Wrssq | Wrussd | Wrussq
            => data::ud, "Shadow stacks: #UD, there are none";
        Xlatb => data::xlatb, "Table look-up";
        Cpuid => system::cpuid, "CPU identification";
        Rdrand | Rdseed => system::random, "Read random number";
    }
    System {
        Rdtsc | Rdtscp => system::rdtsc, "Read time-stamp counter";
        Rdpid => system::rdpid, "Read processor number";
        Rdfsbase | Rdgsbase => system::segment_base, "Read FS or GS base";
        Wrfsbase | Wrgsbase => system::segment_base, "Write FS or GS base";
        Hlt | Cli | Sti | Clts | Invd | Wbinvd | Invlpg | Rdmsr | Wrmsr | Rdpmc | Swapgs | Sysretq | Sysret | Sysexit | Sysexitq
            => system::privileged, "Privileged: #GP";
        In | Out | Insb | Insw | Insd | Outsb | Outsw | Outsd => system::privileged, "Port I/O: #GP";
        Lgdt | Lidt | Lldt | Ltr | Lmsw | Xsetbv => system::privileged, "System registers: #GP";
        Lar | Lsl => segment::load_rights_or_limit, "Load access rights or limit of a segment";
        Verr | Verw => segment::verify, "Verify a segment for reading or writing";
        Sldt | Str | Smsw => segment::store_system_word, "Store system register, as Linux answers with UMIP";
        Sgdt | Sidt => segment::store_table, "Store system table register, as Linux answers with UMIP";
        Sysenter => data::ud, "Fast system call of i386: #UD, as CPUID does not show SEP";
    }
}
