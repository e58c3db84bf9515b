import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.vertx.VertxParallelEoSStreamProcessor;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.PemTrustOptions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Delivers a topic as webhooks by Parallel Consumer and Vert.x's HTTP client, in order per key. */
public final class Main {
    private static final int TIMEOUT_MS = 10_000;

    private final Context eventLoop;
    private final HttpClient client;
    private final RequestOptions request;
    private final boolean hasBody;

    private Main(Vertx vertx, String url, HttpMethod method, int inFlight, String caFile) {
        hasBody = method != HttpMethod.GET;
        request = new RequestOptions().setAbsoluteURI(url).setMethod(method).setTimeout(TIMEOUT_MS);
        if (hasBody) {
            request.putHeader("content-type", "application/json");
        }
        var options = new HttpClientOptions().setMaxPoolSize(inFlight).setKeepAlive(true);
        if (!caFile.isEmpty()) {
            options.setTrustOptions(new PemTrustOptions().addCertPath(caFile));
        }
        client = vertx.createHttpClient(options);
        eventLoop = vertx.getOrCreateContext();
    }

    /** On the event loop: on the thread that calls, an answer can have passed before anybody listens. */
    private Future<Void> deliver(byte[] value) {
        Promise<Void> delivered = Promise.promise();
        eventLoop.runOnContext(now -> send(value).onComplete(delivered));
        return delivered.future();
    }

    private Future<Void> send(byte[] value) {
        return client.request(request)
                .compose(opened -> hasBody ? opened.send(Buffer.buffer(value)) : opened.send())
                .compose(Main::accepted);
    }

    /** Parallel Consumer tries a failed future again; any answer but 2xx is one. */
    private static Future<Void> accepted(HttpClientResponse response) {
        int status = response.statusCode();
        return response.end().compose(read -> status / 100 == 2
                ? Future.<Void>succeededFuture()
                : Future.failedFuture("status " + status));
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String group) {
        return new KafkaConsumer<>(
                Map.of(
                        ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
                        ConsumerConfig.GROUP_ID_CONFIG, group,
                        ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest",
                        ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
    }

    /** One event loop for the one core that a run is pinned to, over epoll where that is to be had. */
    private static VertxOptions forOneCore() {
        return new VertxOptions().setEventLoopPoolSize(1).setPreferNativeTransport(true);
    }

    public static void main(String[] arguments) throws InterruptedException {
        var environment = System.getenv();
        int inFlight = Integer.parseInt(environment.get("IN_FLIGHT"));
        var vertx = Vertx.vertx(forOneCore());
        var sender = new Main(
                vertx,
                environment.get("URL"),
                HttpMethod.valueOf(environment.getOrDefault("METHOD", "POST")),
                inFlight,
                environment.getOrDefault("CA_FILE", ""));
        // The commit mode is the default one: asynchronous, every five seconds.
        var options = ParallelConsumerOptions.<byte[], byte[]>builder()
                .consumer(consumer(environment.get("BOOTSTRAP"), environment.get("GROUP")))
                .ordering(ProcessingOrder.KEY)
                .maxConcurrency(inFlight)
                .build();
        // Its own web client stays unused: it is given none, and makes one.
        var processor = new VertxParallelEoSStreamProcessor<byte[], byte[]>(vertx, null, options);
        processor.subscribe(List.of(environment.get("TOPIC")));
        processor.vertxFuture(context -> sender.deliver(context.value()));

        Runtime.getRuntime().addShutdownHook(new Thread(processor::close));
        new CountDownLatch(1).await();
    }
}
