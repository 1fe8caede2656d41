// Runs Kafka's own kafka-acls once for every line of standard input, in one JVM instead of one a line.
// Arguments are parted by tabs. A command that fails ends the process.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import org.apache.kafka.tools.AclCommand;

public class Acls {
    public static void main(String[] none) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            AclCommand.main(line.split("\t"));
        }
    }
}
