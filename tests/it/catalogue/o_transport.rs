//! GRPC and transport: group O.
