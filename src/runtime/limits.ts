export interface DeviceRate {
  readonly Path?: string;
  readonly Rate?: number;
}

/** What a process may take, in the words of Docker's HostConfig. */
export interface ResourceLimits {
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly MemorySwappiness?: number;
  readonly MemoryReservation?: number;
  readonly OomKillDisable?: boolean;
  readonly NanoCpus?: number;
  readonly CpuShares?: number;
  readonly CpuQuota?: number;
  readonly CpuPeriod?: number;
  readonly CpuRealtimePeriod?: number;
  readonly CpuRealtimeRuntime?: number;
  /** Of other systems, as are the IOMaximum fields: told so. */
  readonly CpuPercent?: number;
  /** Of older kernels: told so. */
  readonly KernelMemory?: number;
  readonly KernelMemoryTCP?: number;
  readonly IOMaximumIOps?: number;
  readonly IOMaximumBandwidth?: number;
  readonly CpusetCpus?: string;
  readonly CpusetMems?: string;
  readonly BlkioWeight?: number;
  readonly BlkioWeightDevice?: readonly { readonly Path?: string; readonly Weight?: number }[];
  readonly BlkioDeviceReadBps?: readonly DeviceRate[];
  readonly BlkioDeviceWriteBps?: readonly DeviceRate[];
  readonly BlkioDeviceReadIOps?: readonly DeviceRate[];
  readonly BlkioDeviceWriteIOps?: readonly DeviceRate[];
  readonly PidsLimit?: number | null;
}
