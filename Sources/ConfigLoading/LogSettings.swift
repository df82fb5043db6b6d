//===----------------------------------------------------------------------===//
// Quartermaster: from settings to a place for the log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import Diagnostics
package import MasterConfig
import MasterProtocol

/// Where a process logs before it has read main.cf: as its environment says.
package func earlyLogDestination() -> LogDestination {
    guard let socket = EnvironmentName.postlogService.value else {
        return .syslog(facility: SyslogFacility.mail.code)
    }
    return .postlog(socket: socket, file: nil)
}

/// The tag before the program's name: `MAIL_LOGTAG`, else the default of `syslog_name`.
package func earlyLogTag() -> String { EnvironmentName.mailLogTag.value ?? "postfix" }

/// The tag that master has once it runs: `MAIL_LOGTAG` as `import_environment` left it, else `syslog_name`.
package func logTag(_ settings: MainSettings) -> String { EnvironmentName.mailLogTag.value ?? settings.syslogName }

/// What reading main.cf does to the tag of this process's children.
package func exportLogTag(_ settings: MainSettings) { EnvironmentName.mailLogTag.set(settings.syslogName) }

/// Where a process logs by its settings. Whether a log file is allowed there was found out when they were evaluated.
///
/// - Parameter isReload: the settings count, and not what we told ourselves through the environment at start.
/// - Parameter writesDirectly: whether this program may append to the log file itself when the socket has no receiver:
///   master and the administrative commands, not daemons.
package func logDestination(
    _ settings: MainSettings,
    writesDirectly: Bool,
    isReload: Bool = false
) -> LogDestination {
    guard settings.usesPostlog else { return .syslog(facility: settings.syslogFacility.code) }
    let inherited = isReload ? nil : EnvironmentName.postlogService.value
    let socket = inherited ?? settings.postlogSocketPath
    return .postlog(socket: socket, file: writesDirectly ? settings.maillogFile : nil)
}

/// Tells children and grandchildren where to log: the postlog variables, only while they apply.
package func exportLogSettings(_ settings: MainSettings) {
    if settings.usesPostlog {
        EnvironmentName.postlogService.set(settings.postlogSocketPath)
        EnvironmentName.postlogHostname.set(settings.myHostName)
    } else {
        EnvironmentName.postlogService.remove()
        EnvironmentName.postlogHostname.remove()
    }
}
