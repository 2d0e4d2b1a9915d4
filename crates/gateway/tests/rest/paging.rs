//! The edges of paging and sorting, over a socket.

use serde_json::json;

use crate::{scripted::Script, socket::Socket, tasks::task};

const TASKS: &str = "GET /api/v2/tasks/instances";

fn script(total_size: i64) -> Script {
    Script {
        task: task(),
        total_size,
        ..Script::default()
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_meant_is_the_usual_one() {
    let socket = Socket::open(script(41)).await;
    // The query, the page as it is told, and how many the server skips.
    let cases = [
        ("", 1, 10, 5, 0),
        ("?page=1&size=10", 1, 10, 5, 0),
        ("?page=0", 1, 10, 5, 0),
        ("?page=-3&size=20", 1, 20, 3, 0),
        ("?page=two&size=ten", 1, 10, 5, 0),
        ("?page=1.5", 1, 10, 5, 0),
        ("?page=&size=", 1, 10, 5, 0),
        ("?size=0", 1, 10, 5, 0),
        ("?size=-1", 1, 10, 5, 0),
        ("?size=1", 1, 1, 41, 0),
        ("?size=2000", 1, 2000, 1, 0),
        ("?size=2001", 1, 2000, 1, 0),
        ("?size=2147483647", 1, 2000, 1, 0),
        ("?page=5&size=10", 5, 10, 5, 40),
        ("?page=6&size=10", 6, 10, 5, 50),
        ("?page=2&page=9", 2, 10, 5, 10),
        (
            "?page=2147483647&size=2000",
            2_147_483_647,
            2000,
            1,
            i32::MAX,
        ),
        ("?page=99999999999", 1, 10, 5, 0),
    ];
    for (query, number, size, pages, skip) in cases {
        let answer = socket.send(&format!("{TASKS}{query}"), &[], "").await;
        let page =
            json!({"number": number, "size": size, "totalElements": 41, "totalPages": pages});
        assert_eq!(answer.data()["page"], page, "{query}");
        let asked = socket.server.seen().list_tasks.take().unwrap();
        assert_eq!((asked.page_size, asked.skip), (size, skip), "{query}");
    }
}

#[tokio::test]
async fn an_order_that_is_not_known_is_refused_and_says_which_are() {
    let socket = Socket::open(script(1)).await;
    for sort in [
        "creator",
        "id,up",
        "id,name",
        "ID",
        "create_time",
        "id;drop",
        "id&sort=name",
    ] {
        let answer = socket.send(&format!("{TASKS}?sort={sort}"), &[], "").await;
        assert_eq!(answer.status, 400, "{sort}");
        let error = answer.error();
        assert_eq!(error["code"], 1011, "{sort}");
        assert_eq!(error["subErrors"][0]["field"], "sort", "{sort}");
        assert!(socket.server.seen().list_tasks.is_none(), "{sort}");
    }
    for (sort, order_by) in [
        ("id", "id"),
        ("id,asc", "id"),
        ("finishTime,desc", "finish_time desc"),
        ("name%2CDESC", "name desc"),
        ("", ""),
    ] {
        let answer = socket.send(&format!("{TASKS}?sort={sort}"), &[], "").await;
        assert_eq!(answer.status, 200, "{sort}");
        let asked = socket.server.seen().list_tasks.take().unwrap();
        assert_eq!(asked.order_by, order_by, "{sort}");
    }
}
