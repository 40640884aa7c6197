namespace InverseSolver.Torch;

/// <summary>A call with managed arguments: lowers them to the native form, holds a reference on every handle while the call runs.</summary>
internal static class Lowered
{
    private const int StackWords = 64;

    // Calls `op`, or `method` of `module` where that is given.
    internal static unsafe void Call(
        nint op, ModuleHandle? module, string method, ReadOnlySpan<Arg> args, Native.Value* results, int maxResults)
    {
        int words = 0;
        foreach (ref readonly Arg arg in args)
        {
            words += arg.Words;
        }

        Native.Value* values = stackalloc Native.Value[args.Length];
        long* onStack = stackalloc long[StackWords];
        long[]? onHeap = words > StackWords ? new long[words] : null;
        int lowered = 0;
        fixed (long* pinned = onHeap)
        {
            long* scratch = onHeap is null ? onStack : pinned;
            try
            {
                for (; lowered < args.Length; lowered++)
                {
                    values[lowered] = default;
                    args[lowered].Lower(&values[lowered], scratch);
                    scratch += args[lowered].Words;
                }

                int count = 0;
                Native.Check(module is null
                    ? Native.inv_op_call(op, values, args.Length, results, maxResults, &count)
                    : Native.inv_module_forward(module, method, values, args.Length, results, maxResults, &count));
            }
            finally
            {
                for (int i = 0; i < Math.Min(lowered + 1, args.Length); i++)
                {
                    args[i].Return(&values[i]);
                }
            }
        }
    }
}
