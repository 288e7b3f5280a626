//! What provisioning reports of a bar or a restoration, which the rules' own encoder does not write.

/// A `ServiceActionReported` of `care.interactions` as a datum of its schema.
pub fn service(account: &str, event: &str, at: i64, command: &str, applied: bool) -> Vec<u8> {
    let mut out = Vec::new();
    text(&mut out, event);
    text(&mut out, account);
    long(&mut out, at);
    long(&mut out, 11); // the branch of the union
    text(&mut out, command);
    text(&mut out, "line");
    long(&mut out, if applied { 1 } else { 2 }); // APPLIED, FAILED
    long(&mut out, 0); // applied_at: not said
    for _ in ["detail", "actor", "actor_role", "reason"] {
        text(&mut out, "");
    }
    out
}

fn long(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while rest > 0x7f {
        out.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    out.push(u8::try_from(rest).expect("seven bits"));
}

fn text(out: &mut Vec<u8>, text: &str) {
    long(out, i64::try_from(text.len()).expect("short"));
    out.extend_from_slice(text.as_bytes());
}
