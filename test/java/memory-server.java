import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.bson.Document;
import io.netty.channel.Channel;
import java.util.List;

/**
 * mongo-java-server on the port that it is given, announced as what the driver and Latchkey demand: a newer version, and a replica set.
 * Only the meaning of queries is tested on it: it keeps nothing, and linearizable means nothing to it.
 */
public class MemoryServer {
  record Announced(List<Integer> getVersionArray, int getWireVersion) implements MongoVersion {}

  static class Backend extends MemoryBackend {
    @Override
    public Document handleCommand(Channel channel, String database, String command, Document query) {
      if (!command.equals("hello")) return super.handleCommand(channel, database, command, query);
      return super.handleCommand(channel, database, "isMaster", query).append("setName", "memory");
    }
  }

  public static void main(String[] arguments) {
    Backend backend = new Backend();
    backend.version(new Announced(List.of(7, 0, 0), 21));
    new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
  }
}
