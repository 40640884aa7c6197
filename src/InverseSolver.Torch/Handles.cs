using System.Runtime.InteropServices;

namespace InverseSolver.Torch;

internal sealed class TensorHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.inv_tensor_free(handle);
        return true;
    }

    internal static TensorHandle Owning(nint handle)
    {
        var owner = new TensorHandle();
        owner.SetHandle(handle);
        return owner;
    }
}

internal sealed class GeneratorHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.inv_generator_free(handle);
        return true;
    }
}

internal sealed class ModuleHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.inv_module_free(handle);
        return true;
    }
}

internal sealed class StreamHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.inv_stream_free(handle);
        return true;
    }
}

internal sealed class GraphHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Native.inv_graph_free(handle);
        return true;
    }
}
