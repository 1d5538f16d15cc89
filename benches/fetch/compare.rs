//! One row: everybody in turn, then the figures.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::measure::{self, Spent};
use crate::peers::{self, Manner, Peer, Work};
use crate::prepare;
use crate::rows::{Against, Cores, Load, Metric, Row};
use crate::server::{self, Servers};
use crate::table::{Figures, Line, Spread};

/// One program, and what it took each time.
struct Contender {
    peer: Peer,
    runs: Vec<Spent>,
    /// How many requests each run made.
    asked: Vec<u64>,
    /// Why it runs no more.
    out: Option<String>,
}

/// The lines of `row`: `fetch` first, then what it is held against.
pub(crate) fn compare(
    row: &Row,
    quick: bool,
    servers: &mut Servers,
    folder: &Path,
) -> Result<Vec<Line>> {
    let load = if quick { row.quick() } else { row.load };
    if row.client == Cores::Second && !peers::is_installed("taskset") {
        return Ok(vec![missing("fetch", "taskset is not installed")]);
    }
    let Some(work) = prepare::prepare(load, servers, folder)? else {
        return Ok(vec![missing("fetch", "nginx is not installed")]);
    };
    let requests = work.requests();
    let manner = Manner {
        jobs: row.jobs,
        client: row.client,
        options: row.options,
        insecure: !matches!(load, Load::Single(_)),
        roots: server::roots(folder),
    };
    let mut contenders = contenders(row);
    for round in 0..row.rounds(quick) {
        let count = contenders.len();
        // Whoever comes first is another one each time.
        for turn in 0..count {
            contenders[(round + turn) % count].run(&work, &manner, servers)?;
        }
    }
    prepare::remove_files(&work)?;
    Ok(lines(row, load, &contenders, requests))
}

fn contenders(row: &Row) -> Vec<Contender> {
    let peers = row.against.iter().filter_map(|against| match against {
        Against::Peer(peer, _) => Some(*peer),
        Against::MemoryPerRequest(_) => Some(Peer::FetchFifty),
        Against::Ideal(_) | Against::Memory(_) | Against::Requests(..) => None,
    });
    let peers: Vec<_> = peers.collect();
    let subject = if peers.contains(&Peer::FetchText) {
        Peer::FetchJson
    } else {
        Peer::Fetch
    };
    let everybody = [subject].into_iter().chain(peers);
    everybody
        .map(|peer| Contender {
            peer,
            runs: Vec::new(),
            asked: Vec::new(),
            out: peer.version().is_none().then(|| "not installed".to_owned()),
        })
        .collect()
}

impl Contender {
    fn run(&mut self, work: &Work, manner: &Manner, servers: &mut Servers) -> Result<()> {
        if self.out.is_some() {
            return Ok(());
        }
        let before = servers.asked()?;
        let mut command = self.peer.command(work, manner);
        let spent = measure::run(&mut command, self.peer.input(work)).and_then(|spent| {
            prepare::clear(work)?;
            let asked = servers.asked()? - before;
            if let Some(answered) = work.answered() {
                let expected = if self.peer.asks() { answered as u64 } else { 0 };
                ensure!(asked == expected, "asked {asked} times, not {expected}");
            }
            Ok((spent, asked))
        });
        match spent {
            Ok((spent, asked)) => {
                self.runs.push(spent);
                self.asked.push(asked);
            }
            Err(error) => self.out = Some(format!("{error:#}")),
        }
        Ok(())
    }

    fn figures(&self, requests: usize) -> Option<Figures> {
        let each = count(requests);
        Some(Figures::Measured {
            wall: Spread::of(self.runs.iter().map(|spent| spent.wall.as_secs_f64()))?,
            cpu: Spread::of(self.runs.iter().map(|spent| micros(spent.cpu) / each))?,
            memory: Spread::of(self.runs.iter().map(|spent| mebi(spent.memory)))?,
        })
    }

    fn line(&self, requests: usize, against: Option<(Spread, Option<f64>)>) -> Line {
        match (&self.out, self.figures(requests)) {
            (None, Some(figures)) => Line {
                program: self.peer.label().to_owned(),
                figures,
                against,
            },
            (why, _) => missing(self.peer.label(), why.as_deref().unwrap_or("not run")),
        }
    }
}

fn missing(program: &str, why: &str) -> Line {
    Line {
        program: program.to_owned(),
        // One line, and no column too many.
        figures: Figures::Missing(why.replace(['\n', '|'], " ")),
        against: None,
    }
}

fn lines(row: &Row, load: Load, contenders: &[Contender], requests: usize) -> Vec<Line> {
    let Some((subject, peers)) = contenders.split_first() else {
        return Vec::new();
    };
    let mut lines = vec![subject.line(requests, None)];
    let mut peers = peers.iter();
    for against in row.against {
        lines.extend(match *against {
            Against::Peer(_, bound) => peers.next().map(|peer| {
                let ratios = pairs(subject, peer, |ours, theirs| match row.metric {
                    Metric::Wall => ours.wall.as_secs_f64() / theirs.wall.as_secs_f64(),
                    Metric::Cpu => ours.cpu.as_secs_f64() / theirs.cpu.as_secs_f64(),
                });
                peer.line(requests, ratios.map(|ratio| (ratio, bound)))
            }),
            Against::Requests(peer, bound) => {
                let peer = contenders.iter().find(|contender| contender.peer == peer);
                let ratios = peer.and_then(|peer| {
                    let pairs = subject.asked.iter().zip(&peer.asked);
                    Spread::of(pairs.map(|(ours, theirs)| whole(*ours) / whole(*theirs)))
                });
                ratios.map(|ratio| bounded("requests", ratio, bound))
            }
            Against::Ideal(bound) => ideal(load, row.jobs).and_then(|ideal| {
                let ours = subject.runs.iter().map(|ours| ours.wall.as_secs_f64());
                let ratio = Spread::of(ours.map(|ours| ours / ideal))?;
                Some(Line {
                    program: "requests × pause ÷ jobs".to_owned(),
                    figures: Figures::Ideal(ideal),
                    against: Some((ratio, Some(bound))),
                })
            }),
            Against::Memory(bound) => {
                let ours = subject.runs.iter().map(|ours| mebi(ours.memory));
                Spread::of(ours).map(|ours| bounded("MiB in all", ours, bound))
            }
            Against::MemoryPerRequest(bound) => peers.next().and_then(|fifty| {
                let more = count(row.jobs - 50);
                let each = pairs(subject, fifty, |ours, fifty| {
                    1024.0 * (mebi(ours.memory) - mebi(fifty.memory)) / more
                });
                each.map(|each| bounded("KiB for each request more", each, bound))
            }),
        });
    }
    lines
}

fn bounded(what: &str, figure: Spread, bound: f64) -> Line {
    Line {
        program: what.to_owned(),
        figures: Figures::Bound,
        against: Some((figure, Some(bound))),
    }
}

/// `relate` of the runs that were next to each other, so that what the machine does meanwhile meets both.
fn pairs(
    ours: &Contender,
    theirs: &Contender,
    relate: impl Fn(&Spent, &Spent) -> f64,
) -> Option<Spread> {
    let pairs = ours.runs.iter().zip(&theirs.runs);
    Spread::of(pairs.map(|(ours, theirs)| relate(ours, theirs)))
}

/// In seconds.
fn ideal(load: Load, jobs: usize) -> Option<f64> {
    match load {
        Load::Delayed(requests, pause) => Some(count(requests) * pause.as_secs_f64() / count(jobs)),
        _ => None,
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn mebi(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}

fn count(number: usize) -> f64 {
    whole(number as u64)
}

fn whole(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
