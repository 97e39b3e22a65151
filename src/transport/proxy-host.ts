/** Names the proxy of a caller's ProxyAgent, for error messages: host and port, never the user info. */

/** undici keeps it under a symbol of this description and gives no other way to ask. */
const PROXY_SYMBOL = 'proxy agent options';

/** `host:port` of the proxy; without the brackets "(unknown)" when the dispatcher does not tell. */
export function proxyHost(dispatcher: object): string {
  for (const symbol of Object.getOwnPropertySymbols(dispatcher)) {
    if (symbol.description !== PROXY_SYMBOL) continue;
    const { uri } = (dispatcher as Record<symbol, { uri?: unknown } | undefined>)[symbol] ?? {};
    if (typeof uri === 'string' && URL.canParse(uri)) return new URL(uri).host;
  }
  return '(unknown)';
}
