use std::time::Instant;
use dunning_rules::*;
use crate::topic::InputTopic;
#[test]
fn speed() {
    let eur = Currency::parse("EUR").unwrap();
    let input = Input { event_id: "0123abcd-4567-89ab-cdef-0123456789ab", occurred_at: Timestamp::from_millis(1_700_000_000_000),
        body: Body::BillIssued { bill_id: "B202608-12345-1", amount: Minor::new(4990), currency: eur, issued_on: Day::from_epoch(20000), due_on: Day::from_epoch(20014), terms: vec![], lines: vec![], kind: "regular" } };
    let mut d = vec![]; crate::event::encode_input(InputTopic::Bills, "acc-12345", &input, &mut d);
    let t = Instant::now();
    let n = 2_000_000;
    for _ in 0..n { std::hint::black_box(crate::event::decode(InputTopic::Bills, std::hint::black_box(&d)).unwrap()); }
    println!("bill decode {} ns", t.elapsed().as_nanos() / n);
    let mut r = crate::schema::Resolver::embedded();
    let t = Instant::now();
    for i in 0..n { std::hint::black_box(r.plan(InputTopic::Bills, std::hint::black_box(1)).unwrap().is_direct()); let _ = i; }
    println!("plan {} ns", t.elapsed().as_nanos() / n);
    let json = crate::topic::schema_text("billing.bills").unwrap().replacen("\"fields\": [", "\"fields\": [{\"name\":\"x\",\"type\":\"long\"},", 1);
    r.learn(5, &json);
    let mut d2 = vec![2]; d2.extend(&d);
    let p = r.plan(InputTopic::Bills, 5).unwrap().clone();
    let mut s = vec![];
    assert_eq!(p.datum(&d2, &mut s).unwrap(), &d[..]);
    let t = Instant::now();
    for _ in 0..n { std::hint::black_box(p.datum(std::hint::black_box(&d2), &mut s).unwrap()); }
    println!("transcode {} ns", t.elapsed().as_nanos() / n);
    let mut account = Account::new("acc-12345");
    account.currency = Some(eur);
    for i in 0..3 { account.bills.push(Bill { id: format!("B20260{i}-12345-1").into(), amount: Minor::new(4990), adjustments: Minor::ZERO, paid: Minor::new(4990), credited: Minor::ZERO, written_off: Minor::ZERO, disputed: Minor::ZERO, due_on: Day::from_epoch(20000+i), clear_from: None });
     account.payments.push(Payment { id: format!("p-12345-{i}").into(), left: Minor::new(4990), day: Day::from_epoch(20010), parts: vec![PaymentPart { bill: format!("B20260{i}-12345-1").into(), amount: Minor::new(4990) }] }); }
    account.seen = Seen::from_ids((0..8u8).map(|i| (IdHash::from_bytes([i; 16]), Day::from_epoch(20000))).collect());
    let row = crate::state::StoredRow { stale: vec![], account };
    let mut out = vec![];
    let t = Instant::now();
    for _ in 0..n { out.clear(); crate::state::encode_row(std::hint::black_box(&row), &mut out); }
    println!("row encode {} ns, {} bytes", t.elapsed().as_nanos() / n, out.len());
    let t = Instant::now();
    for _ in 0..n { std::hint::black_box(crate::state::decode_row(std::hint::black_box(&out)).unwrap()); }
    println!("row decode {} ns", t.elapsed().as_nanos() / n);
    let sum = crate::state_record::Summary { amount_due: Minor::ZERO, step: "" };
    let t = Instant::now();
    for _ in 0..n { out.clear(); crate::state_record::encode_account_state(std::hint::black_box(&row), &sum, &mut out); }
    println!("state record {} ns", t.elapsed().as_nanos() / n);
    let c = Command { id: command_id("acc-12345", 7), sequence: 7, decided_at: Timestamp::from_millis(1_700_000_000_000), policy: "reference@1".into(), step: "bar-full".into(), amount_due: Minor::new(1234), currency: Some(eur), cycle: 2, cause_event_id: None, bill_ids: vec!["B202608-12345-1".into()],
      action: Action::Notify { channel: Channel::Sms, address: "".into(), template: "warning".into(), language: "en".into(), payment_link: None, purpose: "warning".into(), mandatory: false, announced_for: None } };
    let t = Instant::now();
    for _ in 0..n { out.clear(); crate::command::encode("acc-12345", std::hint::black_box(&c), &mut out); }
    println!("command {} ns", t.elapsed().as_nanos() / n);
}
