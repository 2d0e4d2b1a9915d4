use proptest::{prelude::*, sample::select};

use super::*;

fn parsed(text: &str) -> Expression {
    text.parse().unwrap()
}

#[test]
fn an_expression_covers_what_it_names() {
    for (granted, wanted, covered) in [
        ("**", "CLUSTER:5:UPDATE", true),
        ("**", "**", true),
        ("CLUSTER:*:*", "CLUSTER:5:UPDATE", true),
        ("CLUSTER:*:*", "CLUSTER:*:CREATE", true),
        ("CLUSTER:*:*", "TASK:5:READ", false),
        ("CLUSTER:*:*", "**", false),
        ("CLUSTER:5:UPDATE", "CLUSTER:5:UPDATE", true),
        // To be allowed to manage is not to be allowed to read.
        ("CLUSTER:5:UPDATE", "CLUSTER:5:READ", false),
        ("CLUSTER:5:UPDATE", "CLUSTER:6:UPDATE", false),
        ("CLUSTER:5:UPDATE", "CLUSTER:55:UPDATE", false),
        ("CLUSTER:5:*", "CLUSTER:*:UPDATE", false),
        ("CLUSTER:5:*", "CLUSTER:5:*", true),
        ("CLUSTER:*:READ", "CLUSTER:5:UPDATE", false),
        ("CLUSTER:*:READ", "CLUSTER:*:*", false),
        ("*:*:READ", "TASK:5:READ", true),
        ("*:*:*", "**", false),
        ("CLUSTER:*:TENANT:*:*", "CLUSTER:5:UPDATE", false),
        ("CLUSTER:*:*", "CLUSTER:5:TENANT:7:READ", false),
        ("CLUSTER:5:TENANT:*:*", "CLUSTER:5:TENANT:7:READ", true),
        ("CLUSTER:5:TENANT:*:*", "CLUSTER:6:TENANT:7:READ", false),
    ] {
        let covers = parsed(granted).covers(&parsed(wanted));
        assert_eq!(covers, covered, "{granted} on {wanted}");
    }
}

#[test]
fn what_is_no_expression_is_told_why() {
    use BadExpression as Bad;
    let bad = |part: &str| part.to_owned();
    for (text, error) in [
        ("", Bad::Parts(1)),
        ("*", Bad::Parts(1)),
        ("CLUSTER:5", Bad::Parts(2)),
        ("CLUSTER:5:TENANT:READ", Bad::Parts(4)),
        ("::::::::::", Bad::Parts(7)),
        ("cluster:5:READ", Bad::Domain(bad("cluster"))),
        (" CLUSTER:5:READ", Bad::Domain(bad(" CLUSTER"))),
        ("**:5:READ", Bad::Domain(bad("**"))),
        ("CLUSTER:0:READ", Bad::Object(bad("0"))),
        ("CLUSTER:-5:READ", Bad::Object(bad("-5"))),
        ("CLUSTER:+5:READ", Bad::Object(bad("+5"))),
        ("CLUSTER:05:READ", Bad::Object(bad("05"))),
        ("CLUSTER::READ", Bad::Object(bad(""))),
        (
            "CLUSTER:9223372036854775808:READ",
            Bad::Object(bad("9223372036854775808")),
        ),
        ("CLUSTER:5:STOP", Bad::Action(bad("STOP"))),
        ("CLUSTER:5:READ,UPDATE", Bad::Action(bad("READ,UPDATE"))),
        ("TASK:5:TENANT:7:READ", Bad::Nesting),
        ("CLUSTER:5:TASK:7:READ", Bad::Nesting),
        ("CLUSTER:5:*:*:READ", Bad::Nesting),
    ] {
        assert_eq!(text.parse::<Expression>(), Err(error), "{text}");
    }
}

fn object() -> impl Strategy<Value = Part<i64>> + Clone {
    // Few, so that some are the same.
    prop_oneof![
        Just(Part::Any),
        (1..4i64).prop_map(Part::Only),
        Just(Part::Only(i64::MAX))
    ]
}

fn any_or<T: Copy + fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Part<T>> {
    prop_oneof![
        1 => Just(Part::Any),
        3 => select(all).prop_map(Part::Only)
    ]
}

fn expressions() -> impl Strategy<Value = Expression> {
    let plain = (any_or(&Domain::ALL[..3]), object(), any_or(Action::ALL)).prop_map(
        |(domain, object, action)| Expression::On {
            outer: Scope { domain, object },
            inner: None,
            action,
        },
    );
    let only = |domain, object| Scope {
        domain: Part::Only(domain),
        object,
    };
    let nested =
        (object(), object(), any_or(Action::ALL)).prop_map(move |(cluster, tenant, action)| {
            Expression::On {
                outer: only(Domain::Cluster, cluster),
                inner: Some(only(Domain::Tenant, tenant)),
                action,
            }
        });
    prop_oneof![1 => Just(Expression::Everything), 8 => plain, 4 => nested]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(expression in expressions()) {
        prop_assert_eq!(expression.to_string().parse(), Ok(expression));
    }

    #[test]
    fn whatever_is_read_is_spelled_in_one_way(text in "[A-Z*]{0,8}(:[A-Z0-9*+-]{0,6}){0,6}|.{0,40}") {
        if let Ok(expression) = text.parse::<Expression>() {
            prop_assert_eq!(expression.to_string(), text);
        }
    }

    #[test]
    fn covering_is_an_order(a in expressions(), b in expressions(), c in expressions()) {
        prop_assert!(a.covers(&a));
        prop_assert!(Expression::Everything.covers(&a));
        if a.covers(&b) && b.covers(&a) {
            prop_assert_eq!(a, b);
        }
        if a.covers(&b) && b.covers(&c) {
            prop_assert!(a.covers(&c), "{} {} {}", a, b, c);
        }
    }

    #[test]
    fn one_object_never_stands_for_another(action in select(Action::ALL), own in 1..i64::MAX, other in 1..i64::MAX) {
        prop_assume!(own != other);
        let grant = Expression::of(Domain::Cluster, own, action);
        prop_assert!(!grant.covers(&Expression::of(Domain::Cluster, other, action)));
        prop_assert!(!grant.covers(&Expression::of_all(Domain::Cluster, action)));
    }
}
