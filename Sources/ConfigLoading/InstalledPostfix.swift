//===----------------------------------------------------------------------===//
// Quartermaster: whether Postfix's own programs are there
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterConfig
import SystemCalls

/// Whether these settings are those of a Postfix: its daemons are where `master` would start them. What Postfix's
/// programs want of main.cf matters only then, and only then can a cure name its commands.
package func isForPostfix(_ settings: MainSettings) -> Bool {
    let directory = settings.daemonDirectory
    let absolute = directory.hasPrefix("/") ? directory : "\(settings.queueDirectory)/\(directory)"
    return isExecutable("\(absolute)/smtpd")
}
