//! `cordon demo`: the whole pipeline on a make-believe company, told as it happens.

mod company;
mod keep;
mod pipeline;
mod story;
#[cfg(test)]
mod tests;
mod watch;

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::sync::mpsc;

use crate::args::DemoArgs;
use crate::exit::Exit;
use crate::output;

use company::{Company, Scene};
use pipeline::Pipeline;
use story::Story;
use watch::Happening;

/// No scene takes longer than this on any machine that builds the demo.
const SCENE_DEADLINE: Duration = Duration::from_secs(60);

/// Runs the demo.
pub async fn run(args: &DemoArgs) -> anyhow::Result<Exit> {
    keep::prepare(args.out.as_deref())?;
    println!("Cordon demo: a make-believe company and an in-memory Kafka. Nothing leaves this computer.");
    println!("Rule: High → isolate. Guards: at most 10 in 10 minutes; tag cordon-never is refused.");
    let pipeline = Pipeline::start()?;
    let mut watch = watch::start(&pipeline).await?;
    let company = Company::settle_in(&pipeline.tenant);
    let mut story = Story::default();
    for scene in company.scenes() {
        if let Err(error) = play(&company, &scene, &pipeline, &mut watch, &mut story).await {
            pipeline.stop().await.ok();
            return Err(error);
        }
    }
    println!("\n{}", story.sum(&pipeline.tenant.requests()));
    if let Some(folder) = &args.out {
        keep::keep(folder, &pipeline).await?;
        println!("Kept in {}: mail/*.eml, topics/*.jsonl, requests.jsonl.", folder.display());
    }
    if !args.exit {
        linger(&pipeline, &mut watch, &mut story).await;
    }
    pipeline.stop().await?;
    println!(
        "Next: copy deploy/config/cordon.example.yaml, name your tenant in it, try it with `cordon check --config FILE`, and \
         run in shadow mode."
    );
    Ok(Exit::Ok)
}

/// Raises the scene's alert and tells what happens until the scene is over.
async fn play(
    company: &Company,
    scene: &Scene,
    pipeline: &Pipeline,
    watch: &mut mpsc::Receiver<Happening>,
    story: &mut Story,
) -> anyhow::Result<()> {
    let raised = company.raise(scene, &pipeline.tenant);
    story.raised(&raised, Instant::now());
    let deadline = tokio::time::Instant::now() + SCENE_DEADLINE;
    while !story.is_over(&raised.alert, scene.end) {
        let happening = tokio::select! {
            happening = watch.recv() => happening.context("the topics fell silent")?,
            () = tokio::time::sleep_until(deadline) => bail!("scene {} did not end within a minute", raised.number),
            () = pipeline.failed() => bail!("a stage stopped; run with CORDON_TELEMETRY__LOG=info to see why"),
        };
        say(&story.tell(&happening, Instant::now()));
    }
    Ok(())
}

/// Stays until Ctrl-C, so that people can raise alerts of their own.
async fn linger(pipeline: &Pipeline, watch: &mut mpsc::Receiver<Happening>, story: &mut Story) {
    println!("\nStill running; end it with Ctrl-C. Raise an alert of your own:");
    println!("  {}", company::curl(&pipeline.tenant));
    // Where nobody reads any more, nobody knows that it runs.
    while !output::is_closed() {
        tokio::select! {
            happening = watch.recv() => match happening {
                Some(happening) => say(&story.tell(&happening, Instant::now())),
                None => return,
            },
            _ = tokio::signal::ctrl_c() => return,
            () = pipeline.failed() => return,
        }
    }
}

fn say(lines: &[String]) {
    for line in lines {
        println!("{line}");
    }
}
