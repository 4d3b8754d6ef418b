// Print enriched incidents. Needs: mvn dependency:copy-dependencies; java -cp 'target/dependency/*' Subscribe.java
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class Subscribe {
    public static void main(String[] arguments) throws Exception {
        JsonNode schemas = new ObjectMapper().readTree(Files.readString(Path.of("schemas.json")));
        Map<Integer, Schema> parsed = new HashMap<>();
        Properties settings = new Properties();
        settings.put("bootstrap.servers", System.getenv("BROKERS"));
        settings.put("group.id", System.getenv("GROUP"));
        settings.put("isolation.level", "read_committed");
        settings.put("auto.offset.reset", "earliest");
        // what your operator gave you, for example: security.protocol, sasl.mechanism, sasl.jaas.config
        Set<String> seen = new HashSet<>();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(System.getenv().getOrDefault("TOPIC", "firebreak.incidents.enriched.v1")));
            while (true) {
                for (ConsumerRecord<String, byte[]> message : consumer.poll(Duration.ofSeconds(1))) {
                    if (message.value() == null) continue;
                    int number = ByteBuffer.wrap(message.value(), 1, 4).getInt();
                    Schema schema = parsed.computeIfAbsent(
                        number, id -> new Schema.Parser().parse(schemas.get(String.valueOf(id)).toString()));
                    var bytes = DecoderFactory.get().binaryDecoder(message.value(), 5, message.value().length - 5, null);
                    GenericRecord record = new GenericDatumReader<GenericRecord>(schema).read(null, bytes);
                    var header = message.headers().lastHeader("ce_id");
                    String event = header == null ? null : new String(header.value(), StandardCharsets.UTF_8);
                    if (!seen.add(event)) continue; // a repeat: the id is the same in every attempt
                    boolean beat = record.hasField("change") && record.get("change").toString().equals("HEARTBEAT");
                    if (!beat) System.out.println(record); // heartbeats prove that the line is alive
                }
            }
        }
    }
}
