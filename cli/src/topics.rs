//! `cordon topics apply`: makes what is missing, changes nothing that is there, and says how to fix it by hand.

use std::path::Path;

use cordon_runtime::kafka::{self, Applied};

use crate::exit::Exit;
use crate::stages;

/// Runs the command. Exit 1 when a topic differs from what it should be.
pub async fn apply(config: &Path) -> anyhow::Result<Exit> {
    let kafka = stages::kafka(config)?;
    let mut exit = Exit::Ok;
    for applied in kafka::apply_topics(&kafka).await? {
        match applied {
            Applied::Created { topic } => println!("created  {topic}"),
            Applied::Exists { topic, advice } => {
                println!("exists   {topic}");
                advice.iter().for_each(|line| println!("         advice: {line}"));
            }
            Applied::Differs { topic, differences } => {
                exit = Exit::Negative;
                println!("DIFFERS  {topic}; this command changes no topic that is there");
                differences.iter().for_each(|line| println!("         {line}"));
            }
        }
    }
    Ok(exit)
}
