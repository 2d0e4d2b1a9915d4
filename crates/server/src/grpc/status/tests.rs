use super::*;

fn reason(status: &Status) -> String {
    status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone()
}

#[test]
fn a_database_that_fails_is_told_as_unavailable_and_when_to_retry() {
    let status = Status::from(AppError::from(StoreError::Closed));
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason(&status), "DATABASE_UNAVAILABLE");
    let details = status.get_error_details();
    assert_eq!(details.retry_info().unwrap().retry_delay, Some(RETRY_AFTER));
    let status = Status::from(AuthError::from(StoreError::Closed));
    assert_eq!(status.code(), Code::Unavailable);
}

#[test]
fn what_went_wrong_inside_is_not_told() {
    let corrupt = StoreError::Corrupt {
        kind: "task",
        key: "7".to_owned(),
        reason: "a secret".to_owned(),
    };
    for error in [
        AppError::from(corrupt),
        AppError::Internal("a secret".to_owned()),
    ] {
        let status = Status::from(error);
        assert_eq!(status.code(), Code::Internal);
        assert!(status.message().starts_with("internal error, trace "));
        assert!(!format!("{status:?}").contains("secret"));
    }
}

#[test]
fn a_status_fits_into_headers_whatever_a_caller_sent() {
    let mut violations = Violations::default();
    for server in 0..3000 {
        let field = format!("cluster.zones[0].servers[{server}].driver.process.base_dir");
        violations.add(field, "ü".repeat(4000));
    }
    let unsortable = AppError::Unsortable {
        field: "x".repeat(1_000_000),
        allowed: "id".to_owned(),
    };
    for error in [AppError::from(violations), unsortable] {
        let headers = Status::from(error).into_http::<()>().into_parts().0.headers;
        let size: usize = headers.values().map(|value| value.len()).sum();
        assert!(size < 15_000, "{size} bytes");
    }
}
