//! Starting a server: what keeps it from serving, and what it shows of its settings.

use std::time::Duration;

use anyhow::Result;
use slacktide_tests::{Setup, Slacktide, within};

const LIMIT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn second_server_on_a_data_directory_is_refused() -> Result<()> {
    within(LIMIT, "second server", async {
        let slacktide = Slacktide::start().await?;
        let data_dir = slacktide.data_dir().display().to_string();
        let anywhere = "127.0.0.1:0";
        let arguments = [
            "serve",
            "--data-dir",
            &data_dir,
            "--grpc-listen",
            anywhere,
            "--rest-listen",
            anywhere,
            "--admin-listen",
            anywhere,
        ];
        let second = slacktide.command(&arguments).await?;
        assert!(!second.status.success());
        let told = String::from_utf8_lossy(&second.stderr).into_owned();
        let holder = slacktide.process().pid().to_string();
        assert!(told.contains(&data_dir) && told.contains(&holder), "{told}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn variables_of_others_do_not_keep_it_from_serving() -> Result<()> {
    within(LIMIT, "stray variables", async {
        let setup = Setup::default().setting("endpoint", "http://127.0.0.1:1");
        setup.setting("no.such.thing", "1").start().await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn effective_configuration_is_shown_without_secrets() -> Result<()> {
    within(LIMIT, "config", async {
        let slacktide = Slacktide::start().await?;
        let file = slacktide.data_dir().join("settings.toml");
        std::fs::write(
            &file,
            "admin_password = \"hush\"\n[executor]\nwatch_window = 7\n",
        )?;
        let file = file.display().to_string();
        let shown = slacktide.command(&["config", "--config", &file]).await?;
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        assert!(shown.contains("watch_window = 7"), "{shown}");
        assert!(
            shown.contains("admin_password") && !shown.contains("hush"),
            "{shown}"
        );
        Ok(())
    })
    .await
}
