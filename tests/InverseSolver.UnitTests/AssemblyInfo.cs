using Xunit;

// libtorch's own threads use all cores, and tests count live tensors.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
