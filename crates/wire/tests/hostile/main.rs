//! Bytes that nobody should send: each kind of data cut, flipped, swollen and made up. Nothing panics, memory stays within
//! a factor of the input, what is bad is said to be bad, and what is good comes back as it was.

mod bombs;
mod checks;
mod damage;
mod memory;
mod seeds;
mod texts;
