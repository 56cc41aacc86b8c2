//! The program itself, run as a user runs it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// The program, away from any configuration of the one who runs the tests.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waybill"));
    command.env_clear().args(arguments);
    // No balancer has to notice that a test ends.
    command.env("WAYBILL_DRAIN__NOTICE", "0s");
    command.env("WAYBILL_STREAMS__DRAIN_SPREAD", "0s");
    command
}

pub fn run(arguments: &[&str]) -> Output {
    command(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// Runs the program without stopping the carriers and gateways of the test.
pub async fn run_beside(arguments: &[&str]) -> Output {
    let mut command = command(arguments);
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().expect("the program starts"))
        .await
        .unwrap()
}

pub fn run_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().expect("all of the input is read");
    output
}

pub fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", err(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A program that runs until it is told to stop.
pub struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same with variables of the environment.
    pub fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_to(arguments, variables, Stdio::null())
    }

    /// The same with its log going somewhere.
    pub fn start_to(arguments: &[&str], variables: &[(&str, &str)], log: Stdio) -> Self {
        let mut child = command(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next line that has `part` in it.
    pub fn line(&mut self, part: &str) -> String {
        self.lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains(part))
            .unwrap_or_else(|| panic!("no line says {part}"))
    }

    /// The addresses that it says it listens on: gRPC port, operators' port, side port.
    pub fn addresses(&mut self) -> [SocketAddr; 3] {
        let line = self.line("waybill listens on");
        let addresses = line
            .split(|it: char| it.is_whitespace() || "(),".contains(it))
            .filter_map(|word| word.parse().ok());
        let addresses: Vec<SocketAddr> = addresses.collect();
        addresses.try_into().expect("three addresses")
    }

    /// Memory of the process that is its own, in KiB.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let words = line.expect("linux says so").split_whitespace();
        words.clone().next().unwrap().parse().unwrap()
    }

    /// Lets it have no more than so many open files.
    pub fn limit_files(&self, most: u32) {
        let pid = self.child.id().to_string();
        let limited = Command::new("prlimit")
            .args(["--pid", &pid, &format!("--nofile={most}")])
            .status();
        assert!(limited.expect("prlimit of util-linux").success());
    }

    /// Sends a signal by its name, and does not wait for what comes of it.
    pub fn tell(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends a signal by its name, and says how the program ended.
    pub fn signal(&mut self, name: &str) -> Option<i32> {
        self.tell(name);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already if the test went well.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
