//! A PostgreSQL server of a test's own, from Debian's package: in a temporary folder, on a socket there.
//!
//! It ends with whoever started it, however that ends: a shell waits for the end of a pipe that only the
//! test holds, then ends the server and removes the folder. PostgreSQL refuses to run as root, so for
//! root it runs as `postgres`.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Debian's folders of PostgreSQL's programs, one for each version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Starting takes a second where the machine is idle.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const USER: &str = "weiquan";
/// Its own rules put names in another order than bytes do, as an operator's database may.
const LOCALE: [&str; 3] = [
    "--locale=C.UTF-8",
    "--locale-provider=icu",
    "--icu-locale=en",
];
/// Ends the server and removes its folder once nobody holds the pipe.
const KEEPER: &str = "echo; cat > /dev/null
    pid=$(head -1 \"$1/data/postmaster.pid\" 2> /dev/null)
    [ -z \"$pid\" ] || kill -QUIT \"$pid\"
    while [ -n \"$pid\" ] && kill -0 \"$pid\" 2> /dev/null; do sleep 0.1; done
    rm -rf \"$1\"";

/// Held while a process is made. Until it runs its program it has every file open that its parent has, and
/// with them their locks; so it is held until the process has shown that it does.
static BIRTH: RwLock<()> = RwLock::new(());

/// While this is held no process is made: a lock that was let go is free.
pub(crate) fn nobody_is_born() -> RwLockReadGuard<'static, ()> {
    BIRTH.read().unwrap_or_else(PoisonError::into_inner)
}

/// A server.
pub(crate) struct Postgres {
    folder: PathBuf,
    settings: Vec<String>,
    keeper: Child,
    /// Where it listens by TLS, where it does.
    port: Option<u16>,
}

impl Postgres {
    /// Makes and starts one, with further settings (`name=value`).
    pub(crate) fn start(settings: &[&str]) -> Self {
        Self::start_at(settings, None)
    }

    /// One that can be spoken to by TLS too, on this port of `localhost`, with a password there.
    pub(crate) fn start_with_tls(port: u16, certificate: &str, key: &str, password: &str) -> Self {
        let settings = ["listen_addresses=127.0.0.1", "ssl=on"];
        let it = Self::start_at(&settings, Some((port, certificate, key)));
        it.sql(&format!("ALTER USER {USER} PASSWORD '{password}'"));
        it
    }

    fn start_at(settings: &[&str], tls: Option<(u16, &str, &str)>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("wq-pg-")
            .tempdir()
            .expect("a folder")
            .keep();
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&folder));
        }
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "sh"]).arg(&folder);
        let born = alone();
        let mut keeper = spawn(keeper.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let mut line = [0];
        let told = keeper.stdout.take().expect("piped").read_exact(&mut line);
        told.expect("a shell");
        drop(born);
        let it = Self {
            settings: settings.iter().map(|it| (*it).to_owned()).collect(),
            folder,
            keeper,
            port: tls.map(|it| it.0),
        };
        let mut initdb = it.program("initdb");
        initdb
            .args(LOCALE)
            .args([
                "--no-sync",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
                "-U",
                USER,
                "-D",
            ])
            .arg(it.data());
        run(&mut initdb);
        if let Some((_, certificate, key)) = tls {
            it.put("server.crt", certificate);
            it.put("server.key", key);
        }
        it.begin();
        run(it
            .program("createdb")
            .args(["-U", USER, "-h"])
            .arg(&it.folder)
            .arg(USER));
        it
    }

    /// The server of this whole process.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// A schema that nobody else has, and its address.
    pub(crate) fn schema(&self) -> (String, String) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let schema = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql(&format!("CREATE SCHEMA {schema}"));
        let url = format!("{}&options=-csearch_path%3D{schema}", self.url());
        (schema, url)
    }

    /// The address of the database.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres:///{USER}?host={}&user={USER}",
            self.folder.display()
        )
    }

    /// Runs SQL as the owner of everything; answers what it prints.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let mut psql = self.program("psql");
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", USER, "-h"])
            .arg(&self.folder)
            .args(["-d", USER, "-c", sql]);
        run(&mut psql)
    }

    /// Ends it at once, as a crash does: what was not on disk is lost.
    pub(crate) fn crash(&self) {
        let data = self.data();
        run(self
            .program("pg_ctl")
            .args(["stop", "-s", "-m", "immediate", "-D"])
            .arg(data));
    }

    /// Starts it on what is on disk; returns when it answers.
    pub(crate) fn begin(&self) {
        let mut server = self.program("postgres");
        server
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(&self.folder)
            .args(["-c", "listen_addresses=", "-c", "shared_buffers=32MB"]);
        if let Some(port) = self.port {
            server.args(["-p", &port.to_string()]);
        }
        for setting in &self.settings {
            server.args(["-c", setting]);
        }
        let log = fs::File::create(self.folder.join("log")).expect("a log");
        server.stderr(log.try_clone().expect("a log")).stdout(log);
        let mut ready = self.program("pg_isready");
        ready.args(["-q", "-h"]).arg(&self.folder);
        let _alone = alone();
        let mut child = spawn(server.stdin(Stdio::null()));
        let since = Instant::now();
        loop {
            if spawn(&mut ready).wait().is_ok_and(|it| it.success()) {
                break;
            }
            let ended = child.try_wait().expect("a child");
            assert!(
                ended.is_none() && since.elapsed() < STARTS_WITHIN,
                "PostgreSQL did not start: {}",
                fs::read_to_string(self.folder.join("log")).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(20));
        }
        // It is waited for, so that its number is nobody's meanwhile.
        thread::spawn(move || child.wait());
    }

    /// Stops all of its processes where they stand: every line is kept, and nothing is answered.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets them go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let told = fs::read_to_string(self.data().join("postmaster.pid")).expect("it runs");
        let first = told.lines().next().expect("its number");
        let mut kill = Command::new("sh");
        let all = "for it in \"$2\" $(pgrep -P \"$2\"); do kill -\"$1\" \"$it\" || true; done";
        run(kill.args(["-c", all, "sh", signal, first]));
    }

    /// A file beside the data that is for the server alone.
    fn put(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&path));
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// A program of PostgreSQL's as a user that it runs for.
    fn program(&self, name: &str) -> Command {
        let path = programs().join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "--",
            ]);
            command.arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir("/");
        if let Some(port) = self.port {
            command.env("PGPORT", port.to_string());
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // It has nothing to say.
        let _ = self.keeper.wait();
    }
}

/// Of the newest version that is there.
fn programs() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let versions = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
        let numbers = versions.filter_map(|it| it.file_name().to_str()?.parse().ok());
        let bin = |it: u32| Path::new(VERSIONS).join(format!("{it}/bin"));
        let newest = numbers.filter(|it| bin(*it).join("initdb").exists()).max();
        newest.map(bin).expect(
            "no PostgreSQL in /usr/lib/postgresql: install Debian's package `postgresql`, as \
             scripts/test.sh does",
        )
    })
}

fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| run(Command::new("id").arg("-u")).trim() == "0")
}

fn run(command: &mut Command) -> String {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let _alone = alone();
    let done = spawn(command).wait_with_output().expect("a program");
    assert!(
        done.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn alone() -> RwLockWriteGuard<'static, ()> {
    BIRTH.write().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(command: &mut Command) -> Child {
    let born = command.spawn();
    born.unwrap_or_else(|it| panic!("{command:?}: {it}"))
}
