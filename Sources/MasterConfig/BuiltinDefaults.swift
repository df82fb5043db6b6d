//===----------------------------------------------------------------------===//
// Quartermaster: the defaults that a package of Postfix is built with
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The values that Postfix fixes at build time, where packages differ.
package struct BuiltinDefaults: Equatable, Sendable {
    package var configDirectory: String
    package var daemonDirectory: String
    package var commandDirectory: String
    package var queueDirectory: String
    package var dataDirectory: String
    package var shlibDirectory: String
    package var metaDirectory: String
    package var mailVersion: String
    package var mailReleaseDate: String

    /// Those of Debian 12.
    package static let debian = BuiltinDefaults(
        configDirectory: "/etc/postfix",
        daemonDirectory: "/usr/lib/postfix/sbin",
        commandDirectory: "/usr/sbin",
        queueDirectory: "/var/spool/postfix",
        dataDirectory: "/var/lib/postfix",
        shlibDirectory: "/usr/lib/postfix",
        metaDirectory: "/etc/postfix",
        mailVersion: "3.7.11",
        mailReleaseDate: "20240304"
    )
}

/// What only the running system knows, handed in as values.
package struct HostFacts: Equatable, Sendable {
    /// The result of `gethostname(2)`.
    package var hostName: String
    /// Where main.cf and master.cf are.
    package var configDirectory: String
    /// The last part of `argv[0]`.
    package var processName: String
    package var processID: Int32
    /// The `-n` name of a daemon; nil in `master`.
    package var serviceName: String?

    package init(
        hostName: String,
        configDirectory: String = BuiltinDefaults.debian.configDirectory,
        processName: String = "master",
        processID: Int32 = 0,
        serviceName: String? = nil
    ) {
        self.hostName = hostName
        self.configDirectory = configDirectory
        self.processName = processName
        self.processID = processID
        self.serviceName = serviceName
    }
}
