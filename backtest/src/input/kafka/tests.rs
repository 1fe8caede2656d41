use cordon_records::Headers;
use cordon_runtime::kafka::{MemoryBroker, Outbound, Producer};

use super::*;

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(hour * 3_600).unwrap()
}

fn filled(span: Span, offsets: &[i64]) -> Filling {
    let mut filling = Filling::new(&"t".into(), span);
    for offset in offsets {
        let lent = Lent { partition: 0, offset: *offset, timestamp: Some(at(*offset)), value: Some(b"{}") };
        filling.take(lent);
    }
    filling
}

#[test]
fn what_retention_has_deleted_of_the_time_asked_for_is_a_gap_and_what_nobody_asked_for_is_none() {
    let span = Span { partition: 0, from: 10, to: 12 };
    let filling = filled(span, &[10, 11]);
    let gaps = |is_cut, from| filling.gaps(Part { span, is_cut }, from, "t");
    assert_eq!(
        gaps(true, Some(at(5))),
        [
            "t, partition 0: what stood before offset 10 is deleted; the oldest record that is kept was written 1970-01-01T10:00:00Z"
        ]
    );
    assert_eq!(gaps(true, None).len(), 1, "all was asked for");
    assert_eq!(gaps(true, Some(at(10))), [""; 0], "it begins in time");
    assert_eq!(gaps(false, None), [""; 0], "nothing was deleted");
    let empty = filled(Span { to: 10, ..span }, &[]);
    let told = empty.gaps(Part { span: Span { to: 10, ..span }, is_cut: true }, Some(at(5)), "t");
    assert_eq!(told, ["t, partition 0: what stood before offset 10 is deleted, and nothing has come since"]);
}

#[test]
fn a_manifest_runs_again_only_where_all_of_its_offsets_are_kept() {
    let extents = [Extent { partition: 0, low: 5, high: 50, since: 5, until: 50 }];
    let told =
        |partition, from, to| is_there("t", &extents, Span { partition, from, to }).map_err(|error| error.to_string());
    assert_eq!((told(0, 5, 50), told(0, 0, 0), told(1, 7, 7)), (Ok(()), Ok(()), Ok(())));
    assert!(told(0, 4, 50).unwrap_err().contains("before offset 5 is deleted"));
    assert!(told(0, 5, 51).unwrap_err().contains("ends at offset 50"));
    assert!(told(1, 0, 1).unwrap_err().contains("no such partition"));
}

#[test]
fn offsets_without_a_record_are_counted_wherever_they_are() {
    let span = Span { partition: 0, from: 10, to: 20 };
    let gaps = |offsets: &[i64]| filled(span, offsets).gaps(Part { span, is_cut: false }, None, "t");
    assert_eq!(gaps(&[10, 11, 12, 13, 14, 15, 16, 17, 18, 19]), [""; 0]);
    assert_eq!(gaps(&[12, 13, 17, 18]), ["t, partition 0: 6 of the offsets from 10 to 20 have no record"]);
    assert_eq!(gaps(&[]), ["t, partition 0: 10 of the offsets from 10 to 20 have no record"]);
}

#[test]
fn what_has_no_value_is_refused_with_its_offset_and_the_rest_is_kept_as_it_is() {
    let mut filling = Filling::new(&"t".into(), Span { partition: 3, from: 0, to: 9 });
    let values: [Option<&[u8]>; 4] = [Some(b"{\"a\":1}"), None, Some(b""), Some(b"x")];
    for (offset, value) in (0..).zip(values) {
        filling.take(Lent { partition: 3, offset, timestamp: None, value });
    }
    let chunk = filling.emptied();
    assert_eq!(chunk.records().collect::<Vec<_>>(), [(0, &b"{\"a\":1}"[..]), (3, b"x")]);
    assert_eq!(chunk.refused.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(chunk.place(3).to_string(), "t/3/3");
    assert!(filling.emptied().records.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_part_that_ended_early_only_what_came_counts_as_read() {
    let broker = MemoryBroker::start().unwrap();
    let producer = Producer::open(&broker.settings(), "test").unwrap();
    let send = async || {
        let value = Some(b"{}".to_vec());
        let sent = Outbound { topic: Topic::Actions, key: None, headers: Headers::default(), value };
        producer.send(sent).await.unwrap()
    };
    for _ in 0..3 {
        send().await;
    }
    let range = TopicRange::open(&broker.settings(), Topic::Actions, Period::default()).unwrap();
    // The broker ends the partition before what was asked for, as one does that has lost its newest records.
    let asked = |from| Span { partition: 0, from, to: 5 };
    let covered = |range: &TopicRange, from| {
        let mut part = range.part(&[asked(from)]);
        part.read(&mut |_| ControlFlow::Continue(())).unwrap();
        part.covered().into_iter().map(|(span, last)| (span, last.unwrap().offset)).collect::<Vec<_>>()
    };
    assert_eq!(covered(&range, 0), [(Span { to: 3, ..asked(0) }, 2)]);
    assert_eq!(covered(&range, 3), [], "nothing has come");
    send().await;
    assert_eq!(covered(&range, 3), [(Span { to: 4, ..asked(3) }, 3)]);
}
