import dev.waybill.v1.FollowRequest;
import dev.waybill.v1.Freshness;
import dev.waybill.v1.Shipment;
import dev.waybill.v1.ShipmentKey;
import dev.waybill.v1.TrackRequest;
import dev.waybill.v1.TrackResponse;
import dev.waybill.v1.TrackingServiceGrpc;
import dev.waybill.v1.WatchMessage;
import dev.waybill.v1.WatchOpen;
import dev.waybill.v1.WatchShipments;
import dev.waybill.v1.WatchUpdate;
import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;

/** Asks a gateway about a parcel, reads what it says when it cannot answer, and follows parcels. */
public final class Example {
    private static final Metadata.Key<String> REASON =
            Metadata.Key.of("waybill-reason", Metadata.ASCII_STRING_MARSHALLER);
    private static final Metadata.Key<String> RETRY =
            Metadata.Key.of("waybill-retry-ms", Metadata.ASCII_STRING_MARSHALLER);

    private final TrackingServiceGrpc.TrackingServiceBlockingStub gateway;

    private Example(ManagedChannel channel) {
        gateway = TrackingServiceGrpc.newBlockingStub(channel);
    }

    /** One question with one answer. */
    private void track(String number) {
        TrackRequest request = TrackRequest.newBuilder().setTrackingNumber(number).build();
        TrackResponse answer;
        try {
            // Whoever states no deadline waits for as long as the server likes.
            answer = gateway.withDeadlineAfter(5, TimeUnit.SECONDS).track(request);
        } catch (StatusRuntimeException error) {
            explain(error);
            return;
        }
        for (Shipment shipment : answer.getShipmentsList()) {
            System.out.printf("%s %s, revision %d, %d events%n", shipment.getTrackingNumber(),
                    shipment.getStatus(), shipment.getRevision(), shipment.getEventsCount());
        }
        Freshness freshness = answer.getFreshness();
        System.out.printf("%s%n", freshness.getState());
        answer.getOutcomesList().forEach(outcome ->
                System.out.printf("%s: %s%n", outcome.getSource(), outcome.getResult()));
    }

    /** Why a call failed, and whether it is worth another try. */
    private static void explain(StatusRuntimeException error) {
        Metadata trailers = error.getTrailers() == null ? new Metadata() : error.getTrailers();
        String reason = trailers.get(REASON);
        String retry = trailers.get(RETRY);
        System.out.printf("%s: %s%n", error.getStatus().getCode(), error.getStatus().getDescription());
        if (reason == null) {
            System.out.println("the gateway was not reached, or not in time; ask again");
        } else if (retry == null) {
            System.out.printf("reason %s, asking again would not help%n", reason);
        } else {
            System.out.printf("reason %s, ask again in %s ms%n", reason, retry);
        }
    }

    /** Follows numbers for ever; goes on where the last run stopped. */
    private void watch(Path bookmark, List<String> numbers) throws Exception {
        WatchShipments.Builder shipments = WatchShipments.newBuilder();
        for (String number : numbers) {
            shipments.addShipments(ShipmentKey.newBuilder().setTrackingNumber(number));
        }
        while (true) {
            ByteString token = Files.exists(bookmark)
                    ? ByteString.copyFrom(Files.readAllBytes(bookmark)) : ByteString.EMPTY;
            WatchOpen open = WatchOpen.newBuilder()
                    .setShipments(shipments).setResumeToken(token).build();
            System.out.println(token.isEmpty() ? "from the beginning" : "going on");
            try {
                Iterator<WatchMessage> messages =
                        gateway.follow(FollowRequest.newBuilder().setOpen(open).build());
                while (messages.hasNext()) {
                    take(messages.next(), bookmark);
                }
            } catch (StatusRuntimeException error) {
                explain(error);
                switch (error.getStatus().getCode()) {
                    case INVALID_ARGUMENT, UNAUTHENTICATED, PERMISSION_DENIED -> { return; }
                    default -> { }
                }
            }
            Thread.sleep(ThreadLocalRandom.current().nextLong(500, 1_500));
        }
    }

    private static void take(WatchMessage message, Path bookmark) throws IOException {
        switch (message.getKindCase()) {
            case UPDATE -> {
                WatchUpdate update = message.getUpdate();
                Shipment shipment = update.getShipment();
                System.out.printf("%s %s %s, revision %d%n", update.getChange(),
                        shipment.getTrackingNumber(), shipment.getStatus(), shipment.getRevision());
            }
            case RESET -> {
                // What is held is out of date: forget it, and the token with it.
                System.out.println("reset: " + message.getReset().getReason());
                Files.deleteIfExists(bookmark);
            }
            case SYNCED -> System.out.println("synced");
            case REJECTED -> System.out.println("rejected: "
                    + message.getRejected().getError().getReason());
            case GOING_AWAY -> System.out.println("the server goes; another stream follows");
            default -> { }
        }
        if (!message.getResumeToken().isEmpty()) {
            // A program with a database writes the token in one transaction with the change.
            Path fresh = bookmark.resolveSibling(bookmark.getFileName() + ".new");
            Files.write(fresh, message.getResumeToken().toByteArray());
            Files.move(fresh, bookmark, StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 3) {
            System.err.println("Example HOST:PORT track NUMBER | Example HOST:PORT watch FILE NUMBER...");
            System.exit(2);
        }
        // Addresses of several nodes go behind one name: dns:///name with round_robin.
        ManagedChannel channel = NettyChannelBuilder.forTarget(arguments[0])
                .usePlaintext()
                .keepAliveTime(30, TimeUnit.SECONDS)
                .maxInboundMessageSize(16 << 20)
                .build();
        Example example = new Example(channel);
        switch (arguments[1]) {
            case "track" -> example.track(arguments[2]);
            case "watch" -> example.watch(Path.of(arguments[2]),
                    List.of(arguments).subList(3, arguments.length));
            default -> System.err.println("no such command");
        }
        channel.shutdownNow().awaitTermination(1, TimeUnit.SECONDS);
    }
}
