-- Every figure of the reports, from the lines of the audit files alone. `figures` has a row a set and one a run (without `place`).

CREATE TABLE line AS
SELECT string_split(filename, '/')[-2] AS run, * EXCLUDE (filename)
FROM read_ndjson('{folder}/*/audit.jsonl', filename = true, maximum_object_size = 16777216, columns = {
    seq: 'BIGINT', timestamp: 'TIMESTAMPTZ', event_type: 'VARCHAR', job: 'BIGINT', attempt: 'BIGINT', outcome: 'VARCHAR',
    final: 'BOOLEAN', status_code: 'BIGINT', latency_ms: 'DOUBLE', jobs: 'BIGINT', sets: 'JSON'
});

-- The plan: each set's place and its first and last job.
CREATE TABLE plan AS
SELECT run, place, name AS set, jobs, sum(jobs) OVER earlier - jobs + 1 AS first, sum(jobs) OVER earlier AS last
FROM (
    SELECT run, unnest(generate_series(1, json_array_length(sets)::BIGINT)) AS place,
        json_extract_string(sets, '$[' || (place - 1) || '].name') AS name,
        json_extract(sets, '$[' || (place - 1) || '].jobs')::BIGINT AS jobs
    FROM line WHERE event_type = 'run_started'
)
WINDOW earlier AS (PARTITION BY run ORDER BY place);

CREATE TABLE job AS
SELECT run, place, unnest(generate_series(first::BIGINT, last::BIGINT)) AS job FROM plan WHERE jobs > 0;

-- What happened to a job last decides, but for doubt: once an attempt may have had an effect and the job goes on, only a success
-- or a finding makes it anything but unknown.
CREATE TABLE fate AS
WITH happened AS (
    SELECT run, job, seq, event_type, outcome, final,
        coalesce(bool_or(event_type = 'job_reopened' OR (event_type = 'bridge_attempt' AND outcome = 'unknown' AND NOT final))
            OVER (PARTITION BY run, job ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), false) AS doubt
    FROM line
    WHERE event_type IN ('bridge_intent', 'bridge_attempt', 'job_skipped', 'job_expired', 'job_not_attempted', 'job_reopened', 'reconciled')
),
ended AS (
    SELECT * FROM happened QUALIFY row_number() OVER (PARTITION BY run, job ORDER BY seq DESC) = 1
)
SELECT job.run, place, job.job,
    CASE
        WHEN event_type IS NULL THEN 'not_attempted'
        WHEN event_type = 'job_skipped' THEN 'skipped'
        WHEN event_type IN ('job_expired', 'reconciled') THEN outcome
        WHEN event_type = 'bridge_attempt' AND final AND outcome IN ('succeeded', 'accepted') THEN outcome
        WHEN doubt OR event_type = 'bridge_intent' THEN 'unknown'
        WHEN event_type = 'bridge_attempt' AND final THEN outcome
        ELSE 'not_attempted'
    END AS state
FROM job LEFT JOIN ended USING (run, job);

CREATE TABLE states AS
SELECT run, place, count(*) AS jobs,
    count(*) FILTER (state = 'succeeded') AS succeeded, count(*) FILTER (state = 'accepted') AS accepted,
    count(*) FILTER (state = 'rejected') AS rejected, count(*) FILTER (state = 'not_sent') AS not_sent,
    count(*) FILTER (state = 'unknown') AS unknown, count(*) FILTER (state = 'not_bridged') AS not_bridged,
    count(*) FILTER (state = 'skipped') AS skipped, count(*) FILTER (state = 'not_attempted') AS not_attempted
FROM fate GROUP BY GROUPING SETS ((run, place), (run));

CREATE TABLE effort AS
SELECT line.run, place, count(*) FILTER (event_type = 'bridge_intent') AS attempts,
    count(*) FILTER (event_type = 'bridge_intent' AND attempt > 1) AS retries,
    count(*) FILTER (event_type = 'throttled') AS throttled
FROM line JOIN job USING (run, job) GROUP BY GROUPING SETS ((line.run, place), (line.run));

CREATE TABLE answer AS
SELECT line.run, place, status_code, latency_ms FROM line JOIN job USING (run, job)
WHERE event_type = 'bridge_attempt' AND status_code IS NOT NULL;

-- Nearest rank: the smallest value that so many percent of all are not above.
CREATE TABLE latency AS
WITH scoped AS (SELECT run, place, latency_ms FROM answer UNION ALL SELECT run, NULL, latency_ms FROM answer),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY run, place ORDER BY latency_ms) AS rank,
        count(*) OVER (PARTITION BY run, place) AS answers
    FROM scoped
)
SELECT run, place, any_value(answers) AS answers, min(latency_ms) AS min, max(latency_ms) AS max, avg(latency_ms) AS mean,
    min(latency_ms) FILTER (rank * 100 >= answers * 50) AS p50, min(latency_ms) FILTER (rank * 100 >= answers * 90) AS p90,
    min(latency_ms) FILTER (rank * 100 >= answers * 95) AS p95, min(latency_ms) FILTER (rank * 100 >= answers * 99) AS p99
FROM ranked GROUP BY run, place;

CREATE TABLE statuses AS
SELECT run, place, map_from_entries(list((status_code, answers))) AS by_status
FROM (SELECT run, place, status_code, count(*) AS answers FROM answer GROUP BY GROUPING SETS ((run, place, status_code), (run, status_code)))
GROUP BY run, place;

-- From the first line to the last of the run, without the time between its processes; what is found out afterwards is not the run.
CREATE TABLE span AS
WITH timed AS (
    SELECT *, lag(timestamp) OVER (PARTITION BY run ORDER BY seq) AS before,
        max(seq) FILTER (event_type = 'run_finished') OVER (PARTITION BY run) AS finished,
        max(seq) FILTER (event_type = 'run_resumed') OVER (PARTITION BY run) AS resumed
    FROM line
)
SELECT run,
    (epoch_us(max(timestamp) FILTER (coalesce(finished > coalesce(resumed, 0) AND seq > finished, false) IS FALSE))
        - epoch_us(min(timestamp)) - coalesce(sum(epoch_us(timestamp) - epoch_us(before)) FILTER (event_type = 'run_resumed'), 0))
        / 1000.0 AS duration,
    coalesce(max(finished) > coalesce(max(resumed), 0), false)
        AND coalesce(max(seq) FILTER (event_type = 'reconciled' AND seq > finished), 0)
            <= coalesce(max(seq) FILTER (event_type = 'reconciliation_finished'), 0) AS complete
FROM timed GROUP BY run;

CREATE TABLE figures AS
WITH scope AS (SELECT run, place, set FROM plan UNION ALL SELECT run, NULL, NULL FROM span),
counted AS (
    SELECT scope.run, scope.place, scope.set, span.complete, span.duration,
        COLUMNS(states.* EXCLUDE (run, place)), COLUMNS(effort.* EXCLUDE (run, place)),
        COLUMNS(latency.* EXCLUDE (run, place)), statuses.by_status
    FROM scope JOIN span USING (run)
    LEFT JOIN states ON states.run = scope.run AND states.place IS NOT DISTINCT FROM scope.place
    LEFT JOIN effort ON effort.run = scope.run AND effort.place IS NOT DISTINCT FROM scope.place
    LEFT JOIN latency ON latency.run = scope.run AND latency.place IS NOT DISTINCT FROM scope.place
    LEFT JOIN statuses ON statuses.run = scope.run AND statuses.place IS NOT DISTINCT FROM scope.place
),
filled AS (
    SELECT run, place, set, complete, duration, min, max, mean, p50, p90, p95, p99, by_status,
        coalesce(jobs, 0) AS jobs, coalesce(succeeded, 0) AS succeeded, coalesce(accepted, 0) AS accepted,
        coalesce(rejected, 0) AS rejected, coalesce(not_sent, 0) AS not_sent, coalesce(unknown, 0) AS unknown,
        coalesce(not_bridged, 0) AS not_bridged, coalesce(skipped, 0) AS skipped, coalesce(not_attempted, 0) AS not_attempted,
        coalesce(attempts, 0) AS attempts, coalesce(retries, 0) AS retries, coalesce(throttled, 0) AS throttled,
        coalesce(answers, 0) AS answers
    FROM counted
),
summed AS (
    SELECT *, succeeded + accepted AS success_count, rejected + not_sent + unknown + not_bridged AS failure_count,
        success_count + failure_count AS total_operations
    FROM filled
)
SELECT *,
    CASE WHEN total_operations = 0 THEN NULL WHEN success_count = 0 THEN 0 WHEN failure_count = 0 THEN 100
        ELSE least(greatest(100.0 * success_count / total_operations, 0.01), 99.99) END AS rate,
    failure_count - unknown AS failed,
    CASE WHEN jobs = skipped THEN NULL WHEN total_operations = 0 THEN 0 WHEN total_operations = jobs - skipped THEN 100
        ELSE least(greatest(100.0 * total_operations / (jobs - skipped), 0.01), 99.99) END AS completion,
    CASE WHEN total_operations > 0 AND duration > 0 THEN total_operations * 1000.0 / duration END AS throughput
FROM summed;
