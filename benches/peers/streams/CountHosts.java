import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.UncheckedIOException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;

/**
 * `CountHosts SERVERS TOPIC EVENTS FOLDER`: link events by target host, counted by Kafka Streams as its manual does
 * it: select the key, group, count. The counts stay in its own store (RocksDB and a changelog topic). Prints one JSON
 * line once the counts sum up to EVENTS; the clock runs from the start of the streams on.
 */
public final class CountHosts {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        long wanted = Long.parseLong(arguments[2]);
        Map<String, Long> counts = new HashMap<>();
        long[] total = {0};
        CountDownLatch done = new CountDownLatch(1);
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(arguments[1], Consumed.with(Serdes.String(), Serdes.ByteArray()))
            .map((key, value) -> new KeyValue<>(host(value), new byte[0]))
            .groupByKey(Grouped.with(Serdes.String(), Serdes.ByteArray()))
            .count()
            .toStream()
            .foreach((host, count) -> {
                synchronized (counts) {
                    Long before = counts.put(host, count);
                    total[0] += count - (before == null ? 0 : before);
                    if (total[0] >= wanted) {
                        done.countDown();
                    }
                }
            });
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "count-hosts-" + System.nanoTime());
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[3]);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, "2");
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.producerPrefix("compression.type"), "lz4");
        long began = System.nanoTime();
        double cpuBefore = cpuSeconds();
        try (KafkaStreams streams = new KafkaStreams(builder.build(), settings)) {
            streams.start();
            if (!done.await(10, TimeUnit.MINUTES)) {
                throw new IllegalStateException("only " + total[0] + " events were counted in ten minutes");
            }
            System.out.printf(
                Locale.ROOT,
                "{\"events\": %d, \"wall_seconds\": %.6f, \"cpu_seconds\": %.6f}%n",
                total[0], (System.nanoTime() - began) / 1e9, cpuSeconds() - cpuBefore);
        }
    }

    private static double cpuSeconds() {
        var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return system.getProcessCpuTime() / 1e9;
    }

    private static String host(byte[] event) {
        try {
            return JSON.readTree(event).get("target_url").textValue().split("/", 4)[2].toLowerCase(Locale.ROOT);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
