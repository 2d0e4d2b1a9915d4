use super::*;

fn client(address: &str) -> Client {
    Client::of(Some(address.parse().unwrap()))
}

fn fail(lockout: &Lockout, user: &str, from: Client, times: u32, now: Instant) {
    for _ in 0..times {
        lockout.failed(user, from, now);
    }
}

#[test]
fn a_user_waits_after_too_many_failures_from_anywhere() {
    let (lockout, now) = (Lockout::default(), Instant::now());
    for number in 0..TOO_MANY {
        let from = client(&format!("10.0.0.{number}"));
        assert_eq!(lockout.wait("eve", from, now), None);
        lockout.failed("eve", from, now);
    }
    let elsewhere = client("10.0.1.1");
    assert_eq!(lockout.wait("eve", elsewhere, now), Some(USER_WAITS));
    assert_eq!(lockout.wait("adam", elsewhere, now), None);
    let last = now + USER_WAITS - Duration::from_millis(1);
    assert!(lockout.wait("eve", elsewhere, last).is_some());
    assert_eq!(lockout.wait("eve", elsewhere, now + USER_WAITS), None);
}

#[test]
fn a_client_waits_after_too_many_failures_on_anybody() {
    let (lockout, now, from) = (Lockout::default(), Instant::now(), client("10.0.0.1"));
    for number in 0..TOO_MANY {
        lockout.failed(&format!("user{number}"), from, now);
    }
    assert_eq!(lockout.wait("eve", from, now), Some(CLIENT_WAITS));
    assert_eq!(lockout.wait("eve", client("10.0.0.2"), now), None);
    assert_eq!(lockout.wait("eve", from, now + CLIENT_WAITS), None);
}

#[test]
fn a_guesser_does_not_keep_a_user_out_of_home() {
    let (lockout, now, home) = (Lockout::default(), Instant::now(), client("10.0.0.1"));
    lockout.succeeded("eve", home, now);
    fail(&lockout, "eve", client("10.9.9.9"), 100, now);
    // Nor does another at the same address.
    fail(&lockout, "adam", home, 100, now);
    assert_eq!(lockout.wait("eve", home, now), None);
    assert!(lockout.wait("eve", client("10.0.0.2"), now).is_some());
}

#[test]
fn a_guesser_at_home_has_no_more_tries_than_others_whatever_the_user_does() {
    let (lockout, now, home) = (Lockout::default(), Instant::now(), client("10.0.0.1"));
    for _ in 0..TOO_MANY {
        lockout.succeeded("eve", home, now);
        assert_eq!(lockout.wait("eve", home, now), None);
        lockout.failed("eve", home, now);
    }
    lockout.succeeded("eve", home, now);
    assert_eq!(lockout.wait("eve", home, now), Some(CLIENT_WAITS));
    assert_eq!(lockout.wait("eve", home, now + CLIENT_WAITS), None);
}

#[test]
fn failures_long_ago_do_not_count() {
    let (lockout, now, from) = (Lockout::default(), Instant::now(), client("10.0.0.1"));
    fail(&lockout, "eve", from, TOO_MANY - 1, now);
    let later = now + USER_WAITS;
    lockout.failed("eve", from, later);
    assert_eq!(lockout.wait("eve", from, later), None);
}

#[test]
fn an_unlocked_user_begins_anew() {
    let (lockout, now) = (Lockout::default(), Instant::now());
    for number in 0..TOO_MANY {
        lockout.failed("eve", client(&format!("10.0.0.{number}")), now);
    }
    lockout.forget("eve");
    assert_eq!(lockout.wait("eve", client("10.0.0.1"), now), None);
}

#[test]
fn callers_without_an_address_are_no_one_client() {
    let (lockout, now, unnamed) = (Lockout::default(), Instant::now(), Client::of(None));
    fail(&lockout, "eve", unnamed, 100, now);
    assert_eq!(lockout.wait("adam", unnamed, now), None);
    assert!(lockout.wait("eve", unnamed, now).is_some());
}

#[test]
fn one_machine_is_one_client() {
    assert_eq!(client("::ffff:10.0.0.1"), client("10.0.0.1"));
    assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ff::2"));
    assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
}

#[test]
fn what_is_remembered_has_a_limit() {
    let (lockout, begun, from) = (Lockout::default(), Instant::now(), client("10.0.0.1"));
    let later = begun + Duration::from_secs(1);
    fail(&lockout, "eve", from, TOO_MANY, later);
    for number in 0..MOST {
        lockout.failed(&format!("user{number}"), from, begun);
    }
    assert!(lockout.lock().users.len() <= MOST);
    let elsewhere = client("10.0.0.2");
    assert!(
        lockout.wait("eve", elsewhere, later).is_some(),
        "the oldest goes first"
    );
    for number in 0..2 * MOST_HOMES {
        lockout.succeeded("eve", client(&format!("10.1.0.{number}")), later);
    }
    assert_eq!(lockout.lock().homes["eve"].len(), MOST_HOMES);
}
