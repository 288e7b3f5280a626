use std::fs;

use proptest::prelude::*;

use super::*;

fn shard() -> Identity {
    Identity { cluster: "c1".into(), topic: "dunning.accounts".into(), partition: 3, generation: 1, format: 1 }
}

fn stores(directory: &Path) -> SledStores {
    SledStores { patience: Duration::from_millis(200), ..SledStores::new(directory, 8 << 20) }
}

fn put(store: &SledStore, rows: &[(&[u8], &[u8])]) {
    let rows = rows.iter().map(|(k, v)| (k.to_vec(), Some(v.to_vec()))).collect();
    store.apply(Batch { rows }).expect("applied");
}

fn all(store: &SledStore, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    store.each(prefix, &mut |k, v| rows.push((k.to_vec(), v.to_vec()))).expect("read");
    rows
}

fn fresh(opened: &Opened) -> &str {
    match opened {
        Opened::Fresh(why) => why,
        Opened::Intact => panic!("it was taken as intact"),
    }
}

/// A store with some hundred rows, closed; the directory of its rows.
fn written(directory: &Path) -> PathBuf {
    let (store, _) = stores(directory).open(&shard()).expect("opened");
    for i in 0..300u32 {
        put(&store, &[(&i.to_be_bytes(), &[i as u8; 500])]);
    }
    directory.join("shard-1-3/rows-1")
}

#[test]
fn rows_come_back_in_the_order_of_their_keys_and_outlive_the_program() {
    let dir = tempfile::tempdir().expect("a directory");
    let stores = stores(dir.path());
    let (store, opened) = stores.open(&shard()).expect("opened");
    assert_eq!(fresh(&opened), "there was none");
    put(&store, &[(b"a2", b"two"), (b"b1", b""), (b"a1", b"one"), (b"", b"empty key"), (b"\xff\xff", b"last")]);
    drop(store);

    let (store, opened) = stores.open(&shard()).expect("opened again");
    assert_eq!(opened, Opened::Intact);
    assert_eq!(store.get(b"b1").expect("read"), Some(Vec::new()));
    assert_eq!(store.get(b"b2").expect("read"), None);
    assert_eq!(all(&store, b"a"), [(b"a1".to_vec(), b"one".to_vec()), (b"a2".to_vec(), b"two".to_vec())]);
    let keys: Vec<_> = all(&store, b"").into_iter().map(|(k, _)| k).collect();
    assert_eq!(keys, [&b""[..], b"a1", b"a2", b"b1", b"\xff\xff"]);

    store.apply(Batch { rows: vec![(b"a1".to_vec(), None), (b"a2".to_vec(), Some(b"2".to_vec()))] }).expect("applied");
    store.flush().expect("flushed");
    assert_eq!(all(&store, b"a"), [(b"a2".to_vec(), b"2".to_vec())]);
}

#[test]
fn a_store_of_another_identity_is_deleted() {
    let others: [fn(&mut Identity); 3] = [|i| i.cluster.push('x'), |i| i.topic.push('x'), |i| i.format += 1];
    for change in others {
        let dir = tempfile::tempdir().expect("a directory");
        written(dir.path());
        let mut other = shard();
        change(&mut other);
        let (store, opened) = stores(dir.path()).open(&other).expect("opened");
        assert!(fresh(&opened).contains("another cluster"), "{opened:?}");
        assert_eq!(all(&store, b""), []);
        drop(store);
        let (_, opened) = stores(dir.path()).open(&other).expect("opened again");
        assert_eq!(opened, Opened::Intact);
    }
    assert_ne!(
        identity_row(&Identity { cluster: "a\nb".into(), topic: "c".into(), ..shard() }),
        identity_row(&Identity { cluster: "a".into(), topic: "b\nc".into(), ..shard() }),
    );
}

#[test]
fn shards_and_generations_do_not_share_rows() {
    let dir = tempfile::tempdir().expect("a directory");
    let stores = stores(dir.path());
    let (one, _) = stores.open(&shard()).expect("opened");
    let (two, _) = stores.open(&Identity { partition: 4, ..shard() }).expect("opened");
    let (three, _) = stores.open(&Identity { generation: 2, ..shard() }).expect("opened");
    put(&one, &[(b"k", b"1")]);
    assert_eq!((all(&two, b""), all(&three, b"")), (vec![], vec![]));
}

#[test]
fn a_store_can_be_open_once_only() {
    let dir = tempfile::tempdir().expect("a directory");
    let (first, _) = stores(dir.path()).open(&shard()).expect("opened");
    let error = stores(dir.path()).open(&shard()).map(drop).expect_err("it is in use");
    assert!(matches!(&error, StoreError::Busy(text) if text.contains("stop it")), "{error}");
    drop(first);
    let (_, opened) = stores(dir.path()).open(&shard()).expect("free again");
    assert_eq!(opened, Opened::Intact);
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").expect("written");
    let error = stores(&file).open(&shard()).map(drop).expect_err("not a directory");
    assert!(matches!(&error, StoreError::Directory(text) if text.contains("state.directory")), "{error}");
}

#[test]
fn renew_gives_an_empty_store_that_is_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let stores = stores(dir.path());
    written(dir.path());
    let (store, _) = stores.open(&shard()).expect("opened");
    let store = stores.renew(&shard(), store, "a row did not decode").expect("renewed");
    assert_eq!(all(&store, b""), []);
    put(&store, &[(b"k", b"v")]);
    assert!(stores.open(&shard()).is_err(), "it is still locked");
    drop(store);
    let (store, opened) = stores.open(&shard()).expect("opened");
    assert_eq!((opened, all(&store, b"").len()), (Opened::Intact, 1));
    let why = fs::read_to_string(dir.path().join("shard-1-3/why")).expect("kept");
    assert_eq!(why, "a row did not decode");
}

#[test]
fn a_machine_that_restarted_under_an_open_store_costs_a_rebuild_and_under_a_closed_one_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    written(dir.path());
    let rebooted = SledStores { boot: "another boot".into(), ..stores(dir.path()) };
    let (store, opened) = rebooted.open(&shard()).expect("opened");
    assert_eq!(opened, Opened::Intact, "it was closed");
    drop(store);

    let mark = dir.path().join("shard-1-3/mark");
    fs::write(&mark, "open another boot").expect("written");
    let (store, opened) = rebooted.open(&shard()).expect("opened");
    assert_eq!(opened, Opened::Intact, "the program ended without closing it, the machine went on");
    drop(store);

    fs::write(&mark, "open another boot").expect("written");
    let (_, opened) = stores(dir.path()).open(&shard()).expect("opened");
    assert!(fresh(&opened).contains("restarted"), "{opened:?}");
}

/// What was read is what was written, or there is an error, or all is gone: never another value.
fn is_whole_or_refused(directory: &Path) {
    let (store, opened) = stores(directory).open(&shard()).expect("a damaged store is rebuilt");
    let mut seen = 0;
    let read = store.each(b"", &mut |key, value| {
        let number = u32::from_be_bytes(key.try_into().expect("four bytes"));
        assert_eq!(value, [number as u8; 500]);
        seen += 1;
    });
    match (read, opened) {
        (Ok(()), Opened::Fresh(_)) => assert_eq!(seen, 0),
        (Ok(()), Opened::Intact) | (Err(StoreError::Damaged(_)), _) => {}
        (Err(error), _) => panic!("{error}"),
    }
    let store = stores(directory).renew(&shard(), store, "test").expect("renewed");
    put(&store, &[(b"k", b"v")]);
    assert_eq!(all(&store, b"").len(), 1);
}

#[test]
fn truncated_files_are_survived() {
    for keep in [0, 1, 100, 5_000, 60_000, 120_000] {
        let dir = tempfile::tempdir().expect("a directory");
        let rows = written(dir.path());
        let file = fs::OpenOptions::new().write(true).open(rows.join("db")).expect("opened");
        file.set_len(keep).expect("truncated");
        is_whole_or_refused(dir.path());
    }
}

#[test]
fn a_settings_file_of_rubbish_is_survived() {
    for rubbish in [&b""[..], b"x", &[0xff; 64]] {
        let dir = tempfile::tempdir().expect("a directory");
        let rows = written(dir.path());
        fs::write(rows.join("conf"), rubbish).expect("written");
        is_whole_or_refused(dir.path());
    }
}

#[test]
fn a_row_that_changed_is_damage_at_every_bit() {
    let value = sealed(b"rkey", b"value");
    assert_eq!(unsealed(b"rkey", &value).expect("whole"), b"value");
    assert!(unsealed(b"rkex", &value).is_err(), "a value under another key");
    for bit in 0..value.len() * 8 {
        let mut flipped = value.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(unsealed(b"rkey", &flipped).is_err(), "bit {bit}");
    }
    assert!(unsealed(b"rkey", b"abc").is_err());
}

#[test]
fn a_row_whose_checksum_does_not_fit_is_refused_by_get_and_by_each() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = stores(dir.path()).open(&shard()).expect("opened");
    put(&store, &[(b"good", b"v")]);
    let db = store.db.as_ref().expect("open");
    db.insert(row_key(b"bad"), b"no checksum here").expect("written");
    assert!(matches!(store.get(b"bad"), Err(StoreError::Damaged(_))));
    assert!(matches!(store.each(b"", &mut |_, _| {}), Err(StoreError::Damaged(_))));
    assert_eq!(store.get(b"good").expect("read"), Some(b"v".to_vec()));
    drop(store);
    let mark = fs::read_to_string(dir.path().join("shard-1-3/mark")).expect("a mark");
    assert!(mark.starts_with("open"), "a store that was hurt is not marked as clean");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn flipped_bytes_are_never_read_as_another_value(at in 0.0..1.0f64, flip in 1u8..=255, count in 1usize..200) {
        let dir = tempfile::tempdir().expect("a directory");
        let rows = written(dir.path());
        let mut bytes = fs::read(rows.join("db")).expect("read");
        let start = (at * bytes.len() as f64) as usize;
        let end = (start + count).min(bytes.len());
        bytes[start..end].iter_mut().for_each(|b| *b ^= flip);
        fs::write(rows.join("db"), bytes).expect("written");
        is_whole_or_refused(dir.path());
    }
}

#[test]
fn a_full_disk_is_no_damage() {
    let failed = |kind| guarded(|| Err::<(), _>(sled::Error::Io(std::io::Error::from(kind))));
    assert!(matches!(failed(ErrorKind::StorageFull), Err(StoreError::Directory(_))));
    assert!(matches!(failed(ErrorKind::UnexpectedEof), Err(StoreError::Damaged(_))));
}
