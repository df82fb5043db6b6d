//===----------------------------------------------------------------------===//
// Quartermaster: the services of the side-by-side test
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport

/// One line of master.cf whose program is the wire probe, and how to make it work once.
struct WireService {
    /// What to call it in a report.
    let label: String
    let line: String
    /// The service name as the child gets it, which names the dump.
    let name: String
    let type: String
    /// Where a client goes: a path below the queue directory, or an address and port.
    let contact: String

    private init(_ label: String, _ line: String, at contact: String) {
        let fields = line.split(separator: " ")
        self.label = label
        self.line = line
        name = String(fields[0])
        type = String(fields[1])
        self.contact = contact
    }

    /// Puts the probe and its services into a sandbox, in place of all services but the log's.
    static func install(in sandbox: PostfixSandbox) throws -> [WireService] {
        let ports = try FreePort.several(3)
        let services = [
            WireService("unix private, one process", "one unix - - n - 1 wire-probe", at: "private/one"),
            WireService("unix public, no limit", "many unix n - n - 0 wire-probe", at: "public/many"),
            WireService(
                "unix, privileged, default limit, arguments",
                "arguments unix - n n - - wire-probe -o { a = b } -o c=d flags=x user=nobody argv=/bin/cat ${x}",
                at: "private/arguments"
            ),
            WireService("unix, chroot", "jail unix - - y - 5 wire-probe -v", at: "private/jail"),
            WireService("all addresses inet", "\(ports[0]) inet n - n - 5 wire-probe", at: "127.0.0.1:\(ports[0])"),
            WireService(
                "inet on one address",
                "127.0.0.1:\(ports[1]) inet n - y - 1 wire-probe",
                at: "127.0.0.1:\(ports[1])"
            ),
            WireService(
                "inet in brackets",
                "[127.0.0.1]:\(ports[2]) inet n n n - 0 wire-probe",
                at: "127.0.0.1:\(ports[2])"
            ),
            WireService("fifo public", "pipe fifo n - n - 1 wire-probe", at: "public/pipe"),
            WireService("fifo private", "pipe2 fifo - - n - 5 wire-probe", at: "private/pipe2"),
            WireService("unix-dgram", "packets unix-dgram - - n - 1 wire-probe", at: "private/packets"),
            WireService("unix-dgram public", "packets2 unix-dgram n - n - 0 wire-probe", at: "public/packets2"),
            WireService("pass private", "hand pass - - n - 5 wire-probe", at: "private/hand"),
            WireService("pass public", "hand2 pass n n y - 1 wire-probe", at: "public/hand2"),
            WireService("same name as the program", "wire-probe unix - - n - 5 wire-probe", at: "private/wire-probe"),
        ]
        try sandbox.install(BuiltProducts.path("wire-probe"), as: "wire-probe")
        // With IPv6 on the machine, a port alone means two addresses.
        try sandbox.setMain(["inet_protocols": Loopback.hasIPv6 ? "all" : "ipv4"])
        try sandbox.changeMasterCf { lines in
            lines = lines.filter { $0.hasPrefix("postlog ") } + services.map(\.line)
        }
        return services
    }

    /// Removes what an earlier run left behind.
    static func clean(_ sandbox: PostfixSandbox) throws {
        let files = FileManager.default
        for directory in ["", "/private", "/public"] {
            let path = sandbox.queueDirectory + directory
            for name in try files.contentsOfDirectory(atPath: path) where directory != "" || name.hasPrefix("wire") {
                try files.removeItem(atPath: path + "/" + name)
            }
        }
        try? files.removeItem(atPath: sandbox.logFile)
    }

    /// Makes the service work once and returns what its process wrote down.
    func dump(round: Int, in sandbox: PostfixSandbox) throws -> [String] {
        let target = type == "inet" ? contact : sandbox.queueDirectory + "/" + contact
        let touched = try Client.touch(type, target)
        guard touched.succeeded else { throw TestSupportError("\(label): \(touched)\n\(sandbox.logTail())") }
        // Without `-n`, when the name is the program's, the probe does not know its name.
        let known = name == "wire-probe" ? "unnamed" : name
        let path = sandbox.queueDirectory + "/wire.\(known).\(round)"
        guard eventually({ access(path, R_OK) == 0 }) else {
            throw TestSupportError("\(label): the probe wrote nothing\n\(sandbox.logTail())")
        }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        return text.split(separator: "\n").map { Self.withoutUniqueName(String($0)) }
    }

    /// The file that takes the output of a program in the foreground has another name in every run.
    private static func withoutUniqueName(_ line: String) -> String {
        line.split(separator: " ").map { $0.contains("/quartermaster-output.") ? "OUTPUT" : $0 }.joined(separator: " ")
    }
}
