//! Whatever waits for a time is in the schedule: asked after every event of every test of the responder.

use super::super::job::State;
use super::super::schedule::Due;
use super::Responder;

/// Fails if something waits for a time that nobody has set, or the other way round.
pub fn nothing(responder: &Responder) {
    let schedule = &responder.schedule;
    for job in responder.jobs.all() {
        let rests = matches!(job.state(), State::Resting(..) | State::InDoubt(..));
        assert_eq!(schedule.has(&Due::Job(job.entry.key.clone())), rests, "{:?}: {}", job.state(), job.entry.key);
    }
    let settle = responder.config.settle.as_secs();
    for job in responder.jobs.all().filter(|job| job.watched.is_some() && job.entry.waited_s < settle) {
        let in_doubt = matches!(job.state(), State::InDoubt(..));
        assert!(!in_doubt || schedule.has(&Due::Waited(job.entry.key.clone())), "nobody notes how long {job:?} waited");
    }
    responder.jobs.assert_found();
    let jobs = schedule.all().filter_map(|due| if let Due::Job(key) = due { Some(key) } else { None });
    jobs.for_each(|key| assert!(responder.jobs.contains(key), "nobody waits for job {key}"));
    responder.follow.assert_nothing_forgotten(schedule);
    responder.links.open().for_each(|key| assert!(schedule.has(&Due::Link(key.clone())), "link of {key}"));
    assert_eq!(schedule.has(&Due::Gathered), responder.gathering.holds_any());
    for (_, isolation) in responder.ledger.timers() {
        let (key, paused) = (isolation.clone(), responder.timers.waits_for_the_pause(isolation));
        let is_asked_for = || responder.jobs.all().any(|job| job.entry.about.as_ref() == Some(isolation));
        assert!(schedule.has(&Due::Release(key)) || paused || is_asked_for(), "timer of {isolation}");
    }
    assert!(responder.tenant_refuses().is_none() || schedule.has(&Due::ReadAgain), "nobody tries the tenant again");
}

impl Responder {
    /// Has everything that has ended kept in full, for a comparison with what is kept in short.
    pub(crate) fn keep_in_full(&mut self) {
        self.schedule.cancel(&Due::Shorten);
    }
}
