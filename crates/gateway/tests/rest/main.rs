//! The gateway over a scripted gRPC server: what a REST caller sends and sees.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod clusters;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod http_edges;
#[cfg(test)]
mod languages;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod paging;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod socket;
#[cfg(test)]
mod stop;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod traces;
