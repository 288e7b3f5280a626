//! What is counted, in Prometheus' text format. Families are built when they are asked for, from the engine's own
//! counters: nothing is counted twice, and there are no labels but words of bounded sets.

use dunning_engine::{ByWord, Meters, Seconds};
use dunning_rules::HELD_WORDS;
use dunning_rules::invariant::Rule;
use dunning_wire::topic::InputTopic;
use prometheus::proto::{
    Bucket, Counter as CounterValue, Gauge as GaugeValue, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder, TextEncoder};

/// The content type of [`text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A metric's name and what it says; the table of the documentation is made from the same words.
struct Name(&'static str, &'static str);

/// All metrics as text.
#[must_use]
pub fn text(meters: &Meters) -> String {
    let mut families = engine(meters);
    families.push(build());
    families.extend(process());
    // A word is there once it was counted; a family without any is an error to the encoder.
    families.retain(|f| !f.get_metric().is_empty());
    let mut bytes = Vec::with_capacity(16 * 1024);
    match TextEncoder::new().encode(&families, &mut bytes) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) => {
            tracing::warn!(error = %e, "metrics could not be written");
            String::new()
        }
    }
}

/// Every metric with its type and what it says, for the documentation.
#[must_use]
pub fn all() -> Vec<(String, &'static str, String)> {
    let mut families = engine(&Meters::default());
    families.push(build());
    families.extend(process());
    let word = |family: &MetricFamily| match family.get_field_type() {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        _ => "gauge",
    };
    families.iter().map(|f| (f.name().to_owned(), word(f), f.help().to_owned())).collect()
}

#[rustfmt::skip] // a table
fn engine(m: &Meters) -> Vec<MetricFamily> {
    let topic = InputTopic::ALL.map(InputTopic::contract_name);
    vec![
        counters(Name("dunning_records_consumed_total", "Records taken, by input topic."), "topic", &by(&topic, m.consumed.iter().map(|c| whole(c.get())))),
        words(Name("dunning_decisions_total", "Decisions, by code."), "code", &m.decided),
        words(Name("dunning_commands_total", "Commands sent, by type. None under mode shadow."), "type", &m.commands),
        words(Name("dunning_no_effects_total", "Events in order that changed nothing, by reason."), "reason", &m.no_effects),
        words(Name("dunning_dead_letters_total", "Records that could not be taken, by reason."), "reason", &m.dead_letters),
        words(Name("dunning_transactions_total", "Transactions, by result: committed, aborted, unknown."), "result", &m.transactions),
        gauges(Name("dunning_lag_records", "Records between what is committed and the input's end, by input topic."), "topic", &by(&topic, m.lag_records.iter().map(|g| float(g.get())))),
        gauge(Name("dunning_lag_event_seconds", "Age of the oldest record that waits to be taken."), seconds(m.lag_event_ms.get())),
        gauge(Name("dunning_deadlines_pending", "Accounts with a deadline."), float(m.deadlines_pending.get())),
        gauge(Name("dunning_deadlines_late_seconds", "How late the oldest deadline is that is due."), seconds(m.deadlines_late_ms.get())),
        gauge(Name("dunning_clock_off_seconds", "How far the wall clock is from the broker's, ahead or behind; bars wait beyond 60. 0 where the state topic does not bear the broker's time."), seconds(m.clock_away_ms.get())),
        gauges(Name("dunning_bars_waiting", "Bars that fell due and wait, by reason; 'inputs' is the first look at the inputs."), "reason", &waiting(m)),
        counters(Name("dunning_invariant_violations_total", "Rules that must always hold and did not, by rule: any is a fault of the program."), "rule", &violations(m)),
        words(Name("dunning_bars_held_total", "Bars that were held, by reason, each once a reason."), "reason", &m.bars_held),
        gauge(Name("dunning_shards_running", "Shards of this process that take input."), float(m.shards_running.get())),
        gauge(Name("dunning_shards_restoring", "Shards of this process that are being restored."), float(m.shards_restoring.get())),
        gauge(Name("dunning_shards_behind", "Shards that have not read yet to where the inputs ended when they began: deadlines and bars wait."), float(m.shards_behind.get())),
        counter(Name("dunning_restored_records_total", "State records read to restore shards."), m.restored.get()),
        gauge(Name("dunning_restore_left", "State records left to restore, as offsets."), float(m.restore_left.get())),
        gauge(Name("dunning_restore_span", "State records that the shards being restored have to read in all, as offsets."), float(m.restore_span.get())),
        counter(Name("dunning_writers_ended_total", "Open transactions of dead writers that were ended when their shards were taken over."), m.writers_ended.get()),
        counter(Name("dunning_hanging_transactions_ended_total", "Transactions that hung on an output and were ended; their writers were fenced."), m.hanging_ended.get()),
        gauge(Name("dunning_standby_shards", "Shards of other instances that this process keeps warm."), float(m.standbys.get())),
        gauge(Name("dunning_standby_lag", "State records that the warm shards have not read yet, as offsets."), float(m.standby_lag.get())),
        counter(Name("dunning_standbys_renewed_total", "Warm shards that were of no use and were begun anew."), m.standbys_renewed.get()),
        words(Name("dunning_shards_taken_total", "Shards that came to this process, by how: warm or cold."), "how", &m.promotions),
        histogram(Name("dunning_payment_to_restoration_seconds", "From a payment's timestamp to the commit of the restoration that it caused."), &m.payment_to_restoration),
        histogram(Name("dunning_commit_seconds", "Time that a transaction's commit took."), &m.commit),
        gauge(Name("dunning_accounts", "Accounts known in the shards of this process."), float(m.accounts.get())),
        counter(Name("dunning_stores_rebuilt_total", "Local stores that were rebuilt from the state topic."), m.stores_rebuilt.get()),
        counter(Name("dunning_offsets_differed_total", "Restored checkpoints that differed from the group's offsets; the checkpoint was followed."), m.offsets_differed.get()),
        counters(Name("dunning_torn_outputs_total", "Outputs of transactions that the broker ended in pieces, by what became of them."), "what", &torn(m)),
        gauge(Name("dunning_registry_waits", "Workers that wait for the schema registry."), float(m.registry_waits.get())),
        gauge(Name("dunning_broker_waits", "Workers that wait for the broker."), float(m.broker_waits.get())),
    ]
}

fn by(names: &[&'static str], values: impl Iterator<Item = f64>) -> Vec<(&'static str, f64)> {
    names.iter().copied().zip(values).collect()
}

#[allow(clippy::cast_precision_loss)] // Prometheus' numbers are floats
fn whole(n: u64) -> f64 {
    n as f64
}

fn waiting(m: &Meters) -> Vec<(&'static str, f64)> {
    let reasons = std::iter::once("inputs").chain(HELD_WORDS.iter().map(|(_, word)| *word));
    reasons.zip(&m.bars_waiting).map(|(word, n)| (word, float(n.get()))).collect()
}

/// Every rule has its line, so that an alert can be written before the first violation.
fn violations(m: &Meters) -> Vec<(&'static str, f64)> {
    each_of(&Rule::ALL.map(Rule::word), &m.violations)
}

/// So has all that can become of a torn output.
fn torn(m: &Meters) -> Vec<(&'static str, f64)> {
    each_of(&["sent_again", "there_already", "passed_over", "lost"], &m.torn)
}

/// What was counted of each word, also of those that nothing was counted of.
fn each_of(words: &[&'static str], counted: &ByWord) -> Vec<(&'static str, f64)> {
    let counted = counted.all();
    let count = |word| counted.iter().find(|(w, _)| *w == word).map_or(0, |(_, n)| *n);
    words.iter().map(|word| (*word, whole(count(*word)))).collect()
}

#[allow(clippy::cast_precision_loss)] // Prometheus' numbers are floats
fn float(n: i64) -> f64 {
    n as f64
}

fn seconds(millis: i64) -> f64 {
    float(millis) / 1_000.0
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn family(name: &Name, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.0.to_owned());
    family.set_help(name.1.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn counter_metric(labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut number = CounterValue::default();
    number.set_value(value);
    let mut metric = Metric::from_label(labels);
    metric.set_counter(number);
    metric
}

fn gauge_metric(labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut number = GaugeValue::default();
    number.set_value(value);
    let mut metric = Metric::from_label(labels);
    metric.set_gauge(number);
    metric
}

fn counters(name: Name, by: &str, values: &[(&str, f64)]) -> MetricFamily {
    let metrics = values.iter().map(|(word, n)| counter_metric(vec![label(by, word)], *n)).collect();
    family(&name, MetricType::COUNTER, metrics)
}

fn words(name: Name, by: &str, values: &ByWord) -> MetricFamily {
    let values: Vec<_> = values.all().into_iter().map(|(word, n)| (word, whole(n))).collect();
    counters(name, by, &values)
}

fn counter(name: Name, value: u64) -> MetricFamily {
    family(&name, MetricType::COUNTER, vec![counter_metric(Vec::new(), whole(value))])
}

fn gauges(name: Name, by: &str, values: &[(&str, f64)]) -> MetricFamily {
    let metrics = values.iter().map(|(word, n)| gauge_metric(vec![label(by, word)], *n)).collect();
    family(&name, MetricType::GAUGE, metrics)
}

fn gauge(name: Name, value: f64) -> MetricFamily {
    family(&name, MetricType::GAUGE, vec![gauge_metric(Vec::new(), value)])
}

fn histogram(name: Name, values: &Seconds) -> MetricFamily {
    let (counts, count, sum) = values.snapshot();
    let bucket = |(bound, n): (f64, u64)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound);
        bucket.set_cumulative_count(n);
        bucket
    };
    let mut histogram = Histogram::default();
    histogram.set_bucket(Seconds::BOUNDS.into_iter().zip(counts).map(bucket).collect());
    // The counts are read one after the other while lanes count on: the sum of all is at least the last bucket.
    let most = histogram.get_bucket().iter().map(Bucket::cumulative_count).max().unwrap_or(0);
    histogram.set_sample_count(count.max(most));
    histogram.set_sample_sum(sum);
    let mut metric = Metric::from_label(Vec::new());
    metric.set_histogram(histogram);
    family(&name, MetricType::HISTOGRAM, vec![metric])
}

fn build() -> MetricFamily {
    let labels =
        vec![label("rules", &dunning_rules::RULES_VERSION.to_string()), label("version", env!("CARGO_PKG_VERSION"))];
    let name = Name("dunning_build_info", "Always 1; its labels name the program's version and that of its rules.");
    family(&name, MetricType::GAUGE, vec![gauge_metric(labels, 1.0)])
}

/// Of the process, under the names that every Prometheus client uses; none where the system does not tell.
fn process() -> Vec<MetricFamily> {
    let mut families = Vec::new();
    if let Some(bytes) = resident_bytes() {
        families.push(gauge(Name("process_resident_memory_bytes", "Resident memory."), bytes));
    }
    if let Some(seconds) = cpu_seconds() {
        let name = Name("process_cpu_seconds_total", "User and system time.");
        families.push(family(&name, MetricType::COUNTER, vec![counter_metric(Vec::new(), seconds)]));
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        let count = i64::try_from(files.count()).unwrap_or(i64::MAX);
        families.push(gauge(Name("process_open_fds", "Open files and sockets."), float(count)));
    }
    families
}

fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(float(kib) * 1024.0)
}

fn cpu_seconds() -> Option<f64> {
    /// Ticks a second in `/proc`: 100 on every Linux of the architectures that this is built for.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name and may hold blanks; user and system time are the 12th and 13th after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: i64 = fields.next()?.parse().ok()?;
    let system: i64 = fields.next()?.parse().ok()?;
    Some(float(user + system) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_there() {
        let meters = Meters::default();
        meters.consumed[InputTopic::Payments as usize].add(3);
        meters.dead_letters.add("zero_payment", 2);
        meters.payment_to_restoration.observe(0.02);
        meters.lag_event_ms.set(0, 1_500);
        let text = text(&meters);
        for line in [
            "dunning_records_consumed_total{topic=\"billing.payments\"} 3",
            "dunning_records_consumed_total{topic=\"network.usage\"} 0",
            "dunning_dead_letters_total{reason=\"zero_payment\"} 2",
            "dunning_payment_to_restoration_seconds_bucket{le=\"0.01\"} 0",
            "dunning_payment_to_restoration_seconds_bucket{le=\"0.025\"} 1",
            "dunning_payment_to_restoration_seconds_bucket{le=\"+Inf\"} 1",
            "dunning_payment_to_restoration_seconds_count 1",
            "dunning_lag_event_seconds 1.5",
            "dunning_invariant_violations_total{rule=\"lifted_once\"} 0",
            "dunning_bars_waiting{reason=\"inputs\"} 0",
            "dunning_bars_waiting{reason=\"no_warning\"} 0",
            "# TYPE dunning_commit_seconds histogram",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }

    #[test]
    fn names_say_their_unit() {
        for (name, kind, help) in all() {
            assert!(name.starts_with("dunning_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            assert!(help.ends_with('.'), "{help}");
        }
    }
}
