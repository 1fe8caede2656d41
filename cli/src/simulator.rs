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
    println!("A simulated Microsoft tenant. Its secrets open nothing else; its admin interface has no password.");
    println!("  defender.api_url        {}", tenant.api_url());
    println!("  defender.authority_url  {}", tenant.authority_url());
    println!("  graph.url               {}", tenant.graph_url());
    println!("  notify.smtp.url         {}", tenant.smtp_url());
    println!("  tenant_id               {TENANT_ID}");
    println!("  client_id               {CLIENT_ID}");
    println!("  client secret           {CLIENT_SECRET}");
    println!("  admin                   {}/sim/", tenant.base());
    until_told().await;
    tenant.stop().await;
    Ok(Exit::Ok)
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
