namespace InverseSolver.Cli.Convert;

/// <summary>A class or function that a pickle names. Nothing is ever looked up or called by that name.</summary>
internal sealed record PickleGlobal(string Module, string Name)
{
    internal string FullName => $"{Module}.{Name}";
}

/// <summary>A dictionary; entries whose keys are not text are left out.</summary>
internal sealed class PickleDictionary
{
    internal Dictionary<string, object?> Items { get; } = new(StringComparer.Ordinal);
}

/// <summary>A list or a set.</summary>
internal sealed class PickleList
{
    internal List<object?> Items { get; } = [];
}

/// <summary>The numbers of one or more tensors: one entry of the archive.</summary>
internal sealed record PickleStorage(string Type, string Key, long Elements);

/// <summary>A view of a storage, as the pickle describes it; not checked.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long Offset, long[] Shape, long[] Strides);

/// <summary>An object that is known to be harmless beside tensors and is left out.</summary>
internal sealed record PickleOpaque(string ClassName);
