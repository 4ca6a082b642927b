package deskferry.mongo;

import de.bwaldvogel.mongo.MongoBackend;
import de.bwaldvogel.mongo.wire.MongoDatabaseHandler;
import de.bwaldvogel.mongo.wire.MongoExceptionHandler;
import de.bwaldvogel.mongo.wire.MongoWireProtocolHandler;
import de.bwaldvogel.mongo.wire.MongoWireReplyEncoder;
import de.bwaldvogel.mongo.wire.message.ClientRequest;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;

/** Listens on the loopback interface and speaks MongoDB's wire protocol. */
final class WireServer {
    // A command runs on its connection's thread: enough of them that a long scan does not stop the others.
    private static final int CONNECTION_THREADS = 64;
    private static final int BACKLOG = 200;

    private final EventLoopGroup accepting = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    private final EventLoopGroup connections =
        new MultiThreadIoEventLoopGroup(CONNECTION_THREADS, NioIoHandler.newFactory());
    private final ChannelGroup clients = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE, true);
    private final MongoBackend backend;
    private final Channel listening;

    WireServer(MongoBackend backend, BigWork bigWork, int port) {
        this.backend = backend;
        this.listening = new ServerBootstrap()
            .group(accepting, connections)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childHandler(new ChannelInitializer<SocketChannel>() {
                @Override
                protected void initChannel(SocketChannel channel) {
                    channel.pipeline().addLast(
                        new MongoWireReplyEncoder(),
                        new MessageEncoder(),
                        new BigRequests(bigWork),
                        new BigWorkEnd(bigWork),
                        new MongoDatabaseHandler(backend, clients),
                        new MongoExceptionHandler()
                    );
                }
            })
            .bind(new InetSocketAddress("127.0.0.1", port))
            .syncUninterruptibly()
            .channel();
    }

    void stop() {
        listening.close().syncUninterruptibly();
        clients.close().syncUninterruptibly();
        accepting.shutdownGracefully(0, 5, TimeUnit.SECONDS);
        connections.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
        backend.close();
    }

    /** Decodes a big request only when no other big one is at work. */
    private static final class BigRequests extends MongoWireProtocolHandler {
        private final BigWork bigWork;

        BigRequests(BigWork bigWork) {
            this.bigWork = bigWork;
        }

        @Override
        protected ClientRequest decode(ChannelHandlerContext context, ByteBuf buffer) throws Exception {
            int available = buffer.readableBytes();
            int length = available < 4 ? 0 : buffer.getIntLE(buffer.readerIndex());
            if (available < length) return super.decode(context, buffer);
            if (length <= BigWork.BIG) return decodeWhole(context, buffer);
            bigWork.enter();
            try {
                return decodeWhole(context, buffer);
            } catch (Exception | Error broken) {
                bigWork.leave();
                throw broken;
            }
        }

        private ClientRequest decodeWhole(ChannelHandlerContext context, ByteBuf buffer) throws Exception {
            try {
                ClientRequest write = ReceivedWrite.take(context.channel(), buffer);
                return write != null ? write : super.decode(context, buffer);
            } catch (RuntimeException broken) {
                // nobody answers a message that cannot be read: its sender would wait for ever
                context.close();
                throw broken;
            }
        }
    }

    /** The handler after this one answers before it returns, so then the big request is over. */
    private static final class BigWorkEnd extends ChannelInboundHandlerAdapter {
        private final BigWork bigWork;

        BigWorkEnd(BigWork bigWork) {
            this.bigWork = bigWork;
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object message) {
            try {
                context.fireChannelRead(message);
            } finally {
                bigWork.leave();
            }
        }
    }
}
