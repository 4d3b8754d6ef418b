-- Enriched incidents as a table, and how many came in by area and group each hour.
-- Needs: flink-sql-connector-kafka and flink-sql-avro-confluent-registry beside Flink.
CREATE TABLE incidents (
    `change` STRING,
    incident_id STRING,
    region STRING,
    area STRING,
    ward STRING,
    `groups` ARRAY<STRING>,
    `hour` TIMESTAMP_LTZ(3),
    victims INT,
    received_at TIMESTAMP_LTZ(3),
    WATERMARK FOR received_at AS received_at - INTERVAL '10' SECOND
) WITH (
    'connector' = 'kafka',
    'topic' = 'firebreak.incidents.enriched.v1',
    'properties.bootstrap.servers' = '${BROKERS}',
    'properties.group.id' = '${GROUP}',
    'properties.isolation.level' = 'read_committed',
    'scan.startup.mode' = 'earliest-offset',
    'value.format' = 'avro-confluent',
    'value.avro-confluent.url' = '${REGISTRY}'
);

SELECT window_start, area, `group`, COUNT(*) AS incidents
FROM TABLE(TUMBLE(TABLE incidents, DESCRIPTOR(received_at), INTERVAL '1' HOUR))
CROSS JOIN UNNEST(`groups`) AS g (`group`)
WHERE `change` = 'ADDED'
GROUP BY window_start, window_end, area, `group`;
