//===----------------------------------------------------------------------===//
// Quartermaster: services that receive datagrams
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A service that receives datagrams, and may answer them. It gets them in batches, where they were received.
public protocol DatagramService: Service, ~Copyable {
    /// Bytes that are kept of a datagram, 1...65535; what is longer is cut off. Default: 4096.
    static var maximumDatagramSize: Int { get }

    /// Bytes that an answer may have, 1...65507, which is the most that UDP carries. Default: `maximumDatagramSize`, as
    /// far as UDP carries that.
    static var maximumReplySize: Int { get }

    /// The datagrams that were waiting, in order; at least one. What is answered here is sent when this returns.
    mutating func received(_ datagrams: inout Datagrams)
}

extension DatagramService where Self: ~Copyable {
    public static var maximumDatagramSize: Int { 4096 }
    public static var maximumReplySize: Int { min(maximumDatagramSize, 65_507) }
}
