using System.Reflection;
using System.Reflection.Emit;
using InverseSolver.Diffusion.Networks;
using Xunit;

namespace InverseSolver.UnitTests.Diffusion;

/// <summary>The calls of the networks into libtorch beside <see cref="LayerFunctions"/>.</summary>
public sealed class LayerFunctionTests
{
    // Operations on shapes and types, and arithmetic element by element: what a graph of a network has beside its layers.
    private static readonly string[] Operations =
        ["reshape", "flatten", "transpose", "unsqueeze", "expand", "chunk", "cat", "contiguous", "clone", "to", "add_", "op_Addition", "op_Subtraction",
            "op_Multiply", "op_Division"];

    // What is asked of a tensor, and how long it lives.
    private static readonly string[] Bookkeeping =
        ["size", "dim", "get_shape", "get_device", "get_requires_grad", "no_grad", "NewDisposeScope", "MoveToOuterDisposeScope", "Dispose"];

    private static readonly Dictionary<short, OpCode> Codes = typeof(OpCodes).GetFields(
        BindingFlags.Public | BindingFlags.Static).Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    [Fact]
    public void Networks_compute_with_the_layer_functions_and_a_short_list_of_operations_only()
    {
        Type[] networks = [.. typeof(LayerFunctions).Assembly.GetTypes().Where(type =>
            type.Namespace == typeof(LayerFunctions).Namespace && !IsOfLayerFunctions(type))];
        string[] used = [.. networks.SelectMany(Methods).SelectMany(Calls).Where(IsOfTorch).Select(method => method.Name).Distinct()];
        Assert.Equal(Operations.Concat(Bookkeeping).Order(StringComparer.Ordinal), used.Order(StringComparer.Ordinal));
    }

    private static bool IsOfLayerFunctions(Type? type) => type is not null && (type == typeof(LayerFunctions) || IsOfLayerFunctions(type.DeclaringType));

    private static bool IsOfTorch(MethodBase method) =>
        method.DeclaringType!.Assembly == typeof(torch).Assembly || method.DeclaringType.Assembly == typeof(Tensors).Assembly;

    private static IEnumerable<MethodBase> Methods(Type type)
    {
        const BindingFlags Own = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        return [.. type.GetMethods(Own), .. type.GetConstructors(Own)];
    }

    // The methods that a method's code names: all operands that are methods.
    private static IEnumerable<MethodBase> Calls(MethodBase method)
    {
        byte[] code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (int at = 0; at < code.Length;)
        {
            short value = code[at++];
            OpCode operation = Codes[value == 0xfe ? (short)(0xfe00 | code[at++]) : value];
            if (operation.OperandType == OperandType.InlineMethod)
            {
                Type[]? arguments = method is MethodInfo { IsGenericMethod: true } ? method.GetGenericArguments() : null;
                yield return method.Module.ResolveMethod(BitConverter.ToInt32(code, at), method.DeclaringType!.GetGenericArguments(), arguments)!;
            }

            at += operation.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, at),
                _ => 4,
            };
        }
    }
}
