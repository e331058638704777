//! Lines on stderr: whose they are stands in front of them, and not in the report.

use std::path::Path;

use crate::harness::{METHODS, Trial};

#[test]
fn smoke() {
    for method in METHODS {
        let trial = Trial::new("stderr lines carry a prefix", method);
        let mut command = trial.command(Path::new(env!("CARGO_BIN_EXE_logs")));
        let ended = trial.run(command.arg("stderr"));
        assert!(ended.status.success(), "{}", ended.text);
        let pids: Vec<&str> = ended.text.lines().filter_map(|line| line.strip_prefix("pid: ")).collect();
        let [one, other] = pids[..] else { panic!("{}", ended.text) };
        let expected = [
            format!("writer {one} | one line"),
            format!("writer {one} | and another"),
            format!("writer {one} | half a line"),
            format!("writer {other} | somebody else"),
            format!("writer {one} | , the other half"),
        ];
        let lines: Vec<&str> = ended.text.lines().filter(|line| line.starts_with("writer ")).collect();
        assert_eq!(lines, expected, "{}", ended.text);
        assert!(
            ended.text.contains("tail: \"one line\\nand another\\nhalf a line, the other half\\n\""),
            "{}",
            ended.text
        );
        trial.assert_nothing_left();
    }
}
