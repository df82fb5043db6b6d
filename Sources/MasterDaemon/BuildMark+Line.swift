//===----------------------------------------------------------------------===//
// Quartermaster: which build of master this is, in a line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig

extension BuildMark {
    static var versionLine: String {
        "Quartermaster \(text), compatible with Postfix \(BuiltinDefaults.debian.mailVersion)"
    }
}
