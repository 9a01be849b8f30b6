import { type ChannelOptions, connectivityState, experimental } from "@grpc/grpc-js";

type Helper = experimental.ChannelControlHelper;
type Endpoint = experimental.Endpoint;
type PickArgs = experimental.PickArgs;
type PickResult = experimental.PickResult;

/** One address with its connection and the calls on it. */
export class Member {
  /** Calls under way. */
  active = 0;
  readonly #leaf: experimental.LeafLoadBalancer;
  readonly #started = () => {
    this.active += 1;
  };
  readonly #ended = () => {
    this.active -= 1;
  };

  constructor(leaf: experimental.LeafLoadBalancer) {
    this.#leaf = leaf;
  }

  get state(): connectivityState {
    return this.#leaf.getConnectivityState();
  }

  /** Connects, again when the connection was lost. */
  connect(): void {
    if (this.state === connectivityState.IDLE) this.#leaf.exitIdle();
  }

  pick(args: PickArgs): PickResult {
    const result = this.#leaf.getPicker().pick(args);
    if (result.pickResultType !== experimental.PickResultType.COMPLETE) return result;
    // A leaf has no wish of its own to hear of calls.
    return { ...result, onCallStarted: this.#started, onCallEnded: this.#ended };
  }

  close(): void {
    this.#leaf.destroy();
  }
}

/** Chooses one of the connected members, by their addresses, for each call. There is at least one. */
export type Chooser = (ready: ReadonlyMap<string, Member>) => (args: PickArgs) => Member;

/** Keeps a connection to every address of a target, as round_robin does, and lets a chooser choose. Source: gRFC A61. */
export class Endpoints implements experimental.LoadBalancer {
  readonly #name: string;
  readonly #helper: Helper;
  readonly #chooser: Chooser;
  #members = new Map<string, Member>();
  #lastError = "";
  /** While several members change at once. */
  #paused = false;
  #ready = false;

  constructor(name: string, helper: Helper, chooser: Chooser) {
    this.#name = name;
    this.#helper = helper;
    this.#chooser = chooser;
  }

  updateAddressList(
    endpoints: experimental.StatusOr<Endpoint[]>,
    config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
    note: string,
  ): boolean {
    if (config.getLoadBalancerName() !== this.#name) return false;
    if (!endpoints.ok) {
      // Addresses that are known stay good while nobody knows better.
      if (this.#members.size === 0) this.#fail(endpoints.error.details);
      return true;
    }
    const before = this.#members;
    const added: experimental.LeafLoadBalancer[] = [];
    this.#members = new Map();
    for (const endpoint of endpoints.value) {
      const address = experimental.endpointToString(endpoint);
      if (this.#members.has(address)) continue;
      let member = before.get(address);
      if (!member) {
        const leaf = new experimental.LeafLoadBalancer(endpoint, this.#helperOfMember(), options, note);
        added.push(leaf);
        member = new Member(leaf);
      }
      this.#members.set(address, member);
    }
    this.#paused = true;
    for (const leaf of added) leaf.startConnecting();
    for (const [address, member] of before) if (!this.#members.has(address)) member.close();
    this.#paused = false;
    if (this.#members.size === 0) this.#fail(`No addresses resolved. Resolution note: ${note}`);
    else this.#update();
    return true;
  }

  exitIdle(): void {
    for (const member of this.#members.values()) member.connect();
  }

  resetBackoff(): void {}

  destroy(): void {
    this.#paused = true;
    for (const member of this.#members.values()) member.close();
    this.#members.clear();
  }

  getTypeName(): string {
    return this.#name;
  }

  #helperOfMember(): Helper {
    return experimental.createChildChannelControlHelper(this.#helper, {
      updateState: (state, _picker, error) => {
        if (error) this.#lastError = error;
        // A lost connection may mean that the name has other addresses now.
        if (this.#ready && !this.#paused && state !== connectivityState.READY) this.#helper.requestReresolution();
        this.#update();
      },
    });
  }

  #update(): void {
    if (this.#paused) return;
    const ready = new Map<string, Member>();
    let connecting = false;
    for (const [address, member] of this.#members) {
      if (member.state === connectivityState.READY) ready.set(address, member);
      else if (member.state !== connectivityState.TRANSIENT_FAILURE) connecting = true;
    }
    this.#ready = ready.size > 0;
    if (ready.size > 0) {
      const choose = this.#chooser(ready);
      this.#helper.updateState(connectivityState.READY, { pick: (args) => choose(args).pick(args) }, null);
    } else if (connecting)
      this.#helper.updateState(connectivityState.CONNECTING, new experimental.QueuePicker(this), null);
    else this.#fail(`No connection established. Last error: ${this.#lastError}`);
    for (const member of this.#members.values()) member.connect();
  }

  #fail(details: string): void {
    this.#ready = false;
    const picker = new experimental.UnavailablePicker({ details });
    this.#helper.updateState(connectivityState.TRANSIENT_FAILURE, picker, details);
  }
}
