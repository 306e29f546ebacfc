//! The catalogue of hostile inputs: one test or more for each row, whose name begins with the row's
//! id (`a03_…`; several ids where one test holds several rows). `tests/catalogue/` has the list of rows, the
//! reasons of those that cannot apply, and the summary.

mod a_jose;
mod b_compact;
mod c_keys;
mod d_claims;
mod e_substitution;
mod f_discovery;
mod g_code_flow;
mod h_return_url;
mod i_session;
mod j_logout;
mod k_refresh;
mod l_request;
mod m_headers;
mod n_api_keys;
mod o_transport;
mod p_state;
