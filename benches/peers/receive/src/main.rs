//! `rdkafka-receive SERVERS TOPIC PARTITIONS MESSAGES`: receives so many messages of a topic from its start and
//! looks at nothing but their length. Prints one JSON line; the clock runs from the first poll on.

use std::env;
use std::error::Error;
use std::fs;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// Linux counts processor time for programs in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> =
        stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?.1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    let [_, servers, topic, partitions, messages] = arguments.as_slice() else {
        return Err("wanted: SERVERS TOPIC PARTITIONS MESSAGES".into());
    };
    let wanted: u64 = messages.parse()?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .set("group.id", "rdkafka-receive")
        .set("enable.auto.commit", "false")
        .set("check.crcs", "true")
        .set("isolation.level", "read_committed")
        .create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions.parse::<i32>()? {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    let (began, cpu_before) = (Instant::now(), cpu_seconds()?);
    consumer.assign(&list)?;
    let (mut received, mut bytes) = (0_u64, 0_u64);
    while received < wanted {
        match consumer.poll(Duration::from_secs(30)) {
            Some(Ok(message)) => {
                received += 1;
                bytes += message.payload_len() as u64;
            }
            Some(Err(error)) => return Err(error.into()),
            None => return Err(format!("nothing came for 30 s after {received} messages").into()),
        }
    }
    println!(
        "{{\"events\": {received}, \"bytes\": {bytes}, \"wall_seconds\": {}, \"cpu_seconds\": {}, \"version\": \"{}\"}}",
        began.elapsed().as_secs_f64(),
        cpu_seconds()? - cpu_before,
        rdkafka::util::get_rdkafka_version().1,
    );
    Ok(())
}
