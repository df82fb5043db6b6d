//===----------------------------------------------------------------------===//
// Quartermaster: how many descriptors a configuration takes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

extension Model {
    /// A limit of open files that is enough for these services, their status channels, and what master opens besides:
    /// its log, its locks, wake-ups, and the files of a reload.
    var descriptorNeed: Int {
        Int(ChildImage.lowestSource) + 16 + services.reduce(0) { $0 + $1.endpoint.socketCount + 2 }
    }
}

extension EndpointFailure {
    /// When descriptors ran out, how many would have been enough.
    func withNeed(of model: Model) -> EndpointFailure {
        guard code == .tooManyOpenFiles else { return self }
        return EndpointFailure(text: "\(text) (master needs a limit of \(model.descriptorNeed) open files)", code: code)
    }
}
