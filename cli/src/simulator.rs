//! `cordon simulator`: the simulated tenant alone, for any client to talk to.

use cordon_simulator::{CLIENT_ID, CLIENT_SECRET, Options, Simulator, TENANT_ID};

use crate::args::SimulatorArgs;
use crate::exit::Exit;

/// Serves until Ctrl-C or SIGTERM.
pub async fn run(args: &SimulatorArgs) -> anyhow::Result<Exit> {
    let mut options = Options { listen: args.listen, prefix: args.prefix.clone(), admin: true, ..Options::default() };
    if let Some(smtp) = args.smtp {
        options.smtp_listen = Some(smtp);
    }
    let tenant = Simulator::start(options)?;
    println!("{}", welcome(&tenant));
    until_told().await;
    tenant.stop().await;
    Ok(Exit::Ok)
}

/// What to do with it: a configuration to paste, which YAML reads as a whole, and how to fill the tenant.
fn welcome(tenant: &Simulator) -> String {
    format!(
        "# A simulated Microsoft tenant. Its secrets open nothing else; its admin interface, {base}/sim/, has no password.\n\
         # Save these lines as cordon.yaml, then: export CORDON_SIMULATOR_SECRET={CLIENT_SECRET}\n\
         # Without the section kafka, `cordon up --config cordon.yaml` runs all stages in one process, in shadow mode.\n\
         #kafka:\n\
         #  bootstrap_servers: localhost:9092\n\
         defender:\n  \
           tenant_id: {TENANT_ID}\n  \
           client_id: {CLIENT_ID}\n  \
           client_secret: env:CORDON_SIMULATOR_SECRET\n  \
           api_url: {api}\n  \
           authority_url: {authority}\n\
         act:\n  \
           mode: shadow                     # auto isolates the simulated machines\n  \
           rules: [deploy/rules]\n\
         notify:\n  \
           smtp:\n    \
             url: {smtp}\n    \
             from: Cordon <cordon@example.com>\n    \
             to: [soc@example.com]\n\
         # Instead of smtp, over Graph: graph.url is {graph}\n\
         # A machine and an alert:\n\
         #   curl {base}/sim/machines -d '{{\"id\": \"{machine}\", \"computerDnsName\": \"lab-01.example\"}}'\n\
         #   curl {base}/sim/alerts -d '{{\"machineId\": \"{machine}\", \"severity\": \"High\"}}'",
        base = tenant.base(),
        api = tenant.api_url(),
        authority = tenant.authority_url(),
        graph = tenant.graph_url(),
        smtp = tenant.smtp_url(),
        machine = "1e5bc9d7e413ddd7902c2932e418702b84d0cc07",
    )
}

/// Returns at Ctrl-C or SIGTERM.
pub async fn until_told() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests {
    use cordon_runtime::process;
    use cordon_settings::Document;

    use super::*;
    use crate::stages::Stages;

    #[tokio::test]
    async fn what_is_printed_is_a_configuration_that_every_stage_reads() {
        for listen in ["127.0.0.1:0", "0.0.0.0:0"].map(|address| address.parse().unwrap()) {
            let options = Options { listen, smtp_listen: Some(listen), admin: true, ..Options::default() };
            let tenant = Simulator::start(options).unwrap();
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/rules");
            let text = welcome(&tenant).replace("deploy/rules", root);
            assert!(!text.contains("0.0.0.0"), "nothing can be reached there: {text}");
            for text in [text.clone(), text.replace("\n#kafka:", "\nkafka:").replace("\n#  boot", "\n  boot")] {
                let document = Document::parse("cordon.yaml", &text).unwrap();
                process::read_root(&document, |root| {
                    root.section("kafka");
                    Stages::read(root)
                })
                .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
            }
            tenant.stop().await;
        }
    }
}
