//! `cordon guards print`: the guards in force.

use cordon_act::read_guards;
use cordon_policy::Guards;
use serde_json::{Map, Value, json};

use super::args::{Output, PrintArgs};
use super::{SHAPE, harmless, load};
use crate::exit::Exit;
use crate::{escape, output, stages};

/// Prints them.
pub fn run(args: &PrintArgs) -> anyhow::Result<Exit> {
    let guards = match (&args.guards, &args.config) {
        (Some(file), _) => load(file).map_err(harmless)?,
        (None, Some(config)) => stages::read(config, |root| read_guards(&mut root.section("act")))?,
        (None, None) => Guards::built_in(),
    };
    match args.output {
        // Odd characters stand in double quotes only, where YAML reads `\u202e` as JSON does.
        Output::Text => output::put(&escape::json(&guards.annotated()))?,
        Output::Json => output::put(&output::json(&document(&guards))?)?,
    }
    Ok(Exit::Ok)
}

/// The guards as a guards file would have them, and which settings are the built-in ones.
fn document(guards: &Guards) -> Value {
    let settings = guards.settings();
    let mut nested = Map::new();
    for setting in &settings {
        match setting.path.split_once('.') {
            None => {
                nested.insert(setting.path.to_owned(), setting.json());
            }
            Some((section, key)) => {
                let section = nested.entry(section).or_insert_with(|| Value::Object(Map::new()));
                if let Some(section) = section.as_object_mut() {
                    section.insert(key.to_owned(), setting.json());
                }
            }
        }
    }
    let built_in: Vec<&str> =
        settings.iter().filter(|setting| setting.is_default).map(|setting| setting.path).collect();
    json!({ "schema_version": SHAPE, "guards": nested, "built_in": built_in })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guards_in_the_json_load_again_as_the_same_guards() {
        let file = "{scope: {tags: [pilot]}, caps: {fleet_share: {2h: 0.25%}, per_rule: {1h: 5}}, \
                    maintenance: [{names: ['b*'], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', by: a, why: b}]}";
        for guards in [Guards::built_in(), Guards::load("guards.yaml", file).unwrap()] {
            let printed = document(&guards)["guards"].to_string();
            assert_eq!(Guards::load("guards.json", &printed).unwrap(), guards, "{printed}");
        }
    }
}
