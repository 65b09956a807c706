# Recounts, from audit.jsonl alone, every number that `bridgebook run` prints at the end, and prints the same lines.
# Usage: jq -rs -f recount.jq audit.jsonl
def us: (.[0:19] + "Z" | fromdate) * 1000000 + (.[20:26] | tonumber);
def three: (. * 1000 | round) / 1000;
def final: .event_type == "bridge_attempt" and .final;
def states: {
  succeeded: (map(select(final and .outcome == "succeeded")) | length),
  unknown: (map(select(final and .outcome == "unknown")) | length),
  accepted: (map(select(final and .outcome == "accepted")) | length),
  rejected: (map(select(final and .outcome == "rejected")) | length),
  not_sent: (map(select(final and .outcome == "not_sent")) | length),
  skipped: (map(select(.event_type == "job_skipped")) | length),
  not_attempted: (map(select(.event_type == "job_not_attempted")) | length)
};
def attempted: .succeeded + .unknown + .accepted + .rejected + .not_sent;
def latencies: map(select(.event_type == "bridge_attempt" and .status_code != null) | .latency_ms) | sort;
def rank(q): .[([(q * length | ceil), 1] | max) - 1];
def rate: "\((10000 * (.succeeded + .accepted) / attempted | round) / 100)%  \(.succeeded + .accepted) of \(attempted) attempted";

. as $all
| (.[0]) as $start
| (.[-1]) as $last
| (($last.timestamp | us) - ($start.timestamp | us)) as $duration
| states as $s
| latencies as $l
| "run         \($start.run_id)",
  ("jobs        \($start.jobs) = "
    + ([$s | to_entries[] | select(.value > 0 or .key == "succeeded" or .key == "unknown") | "\(.value) \(.key)"] | join(" + "))),
  "success     \($s | rate)",
  "latency     min \($l[0]) ms  mean \($l | add / length | three) ms  p50 \($l | rank(0.5)) ms  p90 \($l | rank(0.9)) ms  p95 \($l | rank(0.95)) ms  p99 \($l | rank(0.99)) ms  max \($l[-1]) ms",
  "attempts    \(map(select(.event_type == "bridge_intent")) | length)  retries \(map(select(.event_type == "bridge_intent" and .attempt > 1)) | length)  throttled \(map(select(.event_type == "throttled")) | length)",
  "pace        \(($s | attempted) / ($duration / 1000000) | three) jobs/s  duration \($duration / 1000000 | three) s",
  (map(select(.event_type == "job_skipped")) | group_by(.reason) | sort_by(-length)
    | select(length > 0) | "skipped     " + (map("\(length) \(.[0].reason)") | join(" + "))),
  "met         success_rate >= 98%     \((100000000 * ($s.succeeded + $s.accepted) / ($s | attempted) | round) / 1000000)%",
  "met         unknown == 0            \($s.unknown)",
  "met         latency.p95 <= 2s       \($l | rank(0.95)) ms",
  "met         failed <= 3 in billing  \(map(select(final and .set == "billing" and (.outcome == "rejected" or .outcome == "not_sent"))) | length)",
  ($start.sets[] as $set
    | ($all | map(select(.set == $set.name))) as $lines
    | ($lines | states) as $t
    | "set         \($set.name)  jobs \($set.jobs)  success \($t | rate)  unknown \($t.unknown)  p95 \($lines | latencies | rank(0.95)) ms"),
  "audit       \(length) lines, head \($last.hash)"
